# tenantseal_folder(NAME SOURCES a.cc... [TESTS a_test.cc...] [DEPS folder...] [LIBS external...])
#
# One static library per folder of src/, named tenantseal_<NAME>, and one test binary
# <NAME>_test holding the unit tests that stand beside the code. DEPS are other folders. PRECOMPILE
# are large library headers that most of the folder's sources include anyway.
function(tenantseal_folder name)
  cmake_parse_arguments(F "" "" "SOURCES;TESTS;DEPS;LIBS;TEST_DEPS;PRECOMPILE" ${ARGN})
  set(target tenantseal_${name})
  add_library(${target} STATIC ${F_SOURCES})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  list(TRANSFORM F_DEPS PREPEND tenantseal_)
  target_link_libraries(${target} PUBLIC ${F_DEPS} ${F_LIBS})
  if(F_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${F_PRECOMPILE})
  endif()
  if(TENANTSEAL_TESTS AND F_TESTS)
    list(TRANSFORM F_TEST_DEPS PREPEND tenantseal_)
    add_executable(${name}_test ${F_TESTS})
    target_link_libraries(${name}_test PRIVATE ${target} ${F_TEST_DEPS} GTest::gmock GTest::gtest_main)
    # What is tested is optimised; the tests themselves compile in two thirds of the time.
    target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O1>)
    add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
  endif()
endfunction()
