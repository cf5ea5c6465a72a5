# Installs the SDK: the public headers, the archives that it consists of, and its CMake package.
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tenantseal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT sdk)
install(TARGETS tenantseal_sdk tenantseal_net tenantseal_formats tenantseal_crypto tenantseal_model
  tenantseal_base ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)

set(tenantseal_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tenantseal)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/tenantsealConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/tenantsealConfig.cmake
  INSTALL_DESTINATION ${tenantseal_package_dir}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/tenantsealConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tenantsealConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/tenantsealConfigVersion.cmake
  DESTINATION ${tenantseal_package_dir} COMPONENT sdk)
