# What nearly every source includes is parsed once for all sources, and once, with GoogleTest, for all
# tests. Larger headers (nlohmann/json, CLI11) make reading it back dearer than parsing them. No source
# relies on it: the presets for clang compile without.
set(TENANTSEAL_STANDARD_HEADERS
  <algorithm> <atomic> <chrono> <condition_variable> <filesystem> <functional> <map> <memory> <optional>
  <set> <span> <string> <string_view> <thread> <unordered_map> <variant> <vector>)

# tenantseal_folder(NAME [UNITY] SOURCES a.cc... [TESTS a_test.cc...] [DEPS folder...] [LIBS external...])
#
# One static library per folder of src/, named tenantseal_<NAME>, and one test binary
# <NAME>_test holding the unit tests that stand beside the code. DEPS are other folders.
#
# UNITY compiles several sources of the library as one where the option of that name is on (the presets
# that build everything, not the one for daily work): most of a compilation goes into headers. Names of
# anonymous namespaces must then differ within the folder.
function(tenantseal_folder name)
  cmake_parse_arguments(F "UNITY" "" "SOURCES;TESTS;DEPS;LIBS;TEST_DEPS" ${ARGN})
  set(target tenantseal_${name})
  add_library(${target} STATIC ${F_SOURCES})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  list(TRANSFORM F_DEPS PREPEND tenantseal_)
  target_link_libraries(${target} PUBLIC ${F_DEPS} ${F_LIBS})
  if(F_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD "${TENANTSEAL_UNITY}" UNITY_BUILD_BATCH_SIZE 6)
  endif()
  if(name STREQUAL "base")
    target_precompile_headers(${target} PRIVATE ${TENANTSEAL_STANDARD_HEADERS})
  else()
    target_precompile_headers(${target} REUSE_FROM tenantseal_base)
  endif()
  if(TENANTSEAL_TESTS AND F_TESTS)
    list(TRANSFORM F_TEST_DEPS PREPEND tenantseal_)
    tenantseal_test(${name}_test NAME ${name} SOURCES ${F_TESTS} LIBS ${target} ${F_TEST_DEPS} GTest::gmock)
  endif()
endfunction()

# tenantseal_test(TARGET [NAME test] SOURCES a.cc... LIBS library...)
#
# An executable of tests that run in one process. What is tested is optimised; the tests themselves
# compile sooner, and always as UNITY has it, up to eight sources as one: the names of their anonymous
# namespaces must differ within every folder.
function(tenantseal_test target)
  cmake_parse_arguments(T "" "NAME" "SOURCES;LIBS" ${ARGN})
  if(NOT T_NAME)
    set(T_NAME ${target})
  endif()
  add_executable(${target} ${T_SOURCES})
  target_link_libraries(${target} PRIVATE ${T_LIBS} GTest::gtest_main)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O0>)
  set_target_properties(${target} PROPERTIES UNITY_BUILD "${TENANTSEAL_UNITY}" UNITY_BUILD_BATCH_SIZE 8)
  if(target STREQUAL "base_test")
    target_precompile_headers(${target} PRIVATE ${TENANTSEAL_STANDARD_HEADERS} <gtest/gtest.h>)
  else()
    target_precompile_headers(${target} REUSE_FROM base_test)
  endif()
  add_test(NAME ${T_NAME} COMMAND ${target} --gtest_brief=1)
endfunction()
