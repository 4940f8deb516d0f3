# Where `cmake --install` puts the libraries, and how others find them: find_package(copse COMPONENTS crdt) and pkg-config.
include_guard()
include(CMakePackageConfigHelpers)

set(copse_package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/copse)

# copse_install_layer(NAME REQUIRES "pkg-config modules" LIBS "flags for what has no module")
function(copse_install_layer name)
  cmake_parse_arguments(ARG "" "DESCRIPTION;REQUIRES;LIBS" "" ${ARGN})
  install(TARGETS copse_${name} EXPORT copse-${name} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
  install(EXPORT copse-${name} NAMESPACE copse:: DESTINATION ${copse_package_directory} COMPONENT development)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/${name}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
  set(copse_layer ${name})
  set(copse_description "${ARG_DESCRIPTION}")
  set(copse_requires "${ARG_REQUIRES}")
  set(copse_libs "${ARG_LIBS}")
  configure_file(${CMAKE_SOURCE_DIR}/cmake/copse.pc.in ${CMAKE_BINARY_DIR}/copse-${name}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/copse-${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()

copse_install_layer(base DESCRIPTION "interfaces to the outside world"
  REQUIRES "absl_status absl_statusor libcrypto libsodium" LIBS "-pthread")
copse_install_layer(crdt DESCRIPTION "move-only tree CRDT" REQUIRES "absl_status absl_statusor absl_raw_hash_set absl_hash")
copse_install_layer(replica DESCRIPTION "durable, signed and sealed op logs and chunks"
  REQUIRES "copse-base copse-crdt libcrypto libssl libsodium libzstd")
copse_install_layer(fs DESCRIPTION "POSIX operations on the tree, and the libfuse3 frontend"
  REQUIRES "copse-base copse-crdt fuse3")

configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/copseConfig.cmake.in ${CMAKE_BINARY_DIR}/copseConfig.cmake
  INSTALL_DESTINATION ${copse_package_directory})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/copseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/copseConfig.cmake ${CMAKE_BINARY_DIR}/copseConfigVersion.cmake
  DESTINATION ${copse_package_directory} COMPONENT development)
