# What belongs to the program beside itself, where Debian expects it, and the Debian package made of all that.
include_guard()

set(copse_packaging ${CMAKE_SOURCE_DIR}/packaging)
set(copse_packaging_output ${CMAKE_BINARY_DIR}/packaging)
configure_file(${copse_packaging}/changelog.in ${copse_packaging_output}/changelog @ONLY)

# copse_compressed(SOURCE): Debian keeps manual pages and changelogs compressed, without a time in them.
set(copse_compressed_files)
function(copse_compressed source)
  get_filename_component(name ${source} NAME)
  set(output ${copse_packaging_output}/${name}.gz)
  add_custom_command(OUTPUT ${output} COMMAND gzip -9nc ${source} > ${output} DEPENDS ${source} VERBATIM)
  list(APPEND copse_compressed_files ${output})
  set(copse_compressed_files ${copse_compressed_files} PARENT_SCOPE)
endfunction()
copse_compressed(${copse_packaging}/copse.1)
copse_compressed(${copse_packaging}/mount.fuse.copse.8)
copse_compressed(${copse_packaging_output}/changelog)
add_custom_target(copse_documentation ALL DEPENDS ${copse_compressed_files})

# mount(8) and umount(8) look for these names; the program sees by which it was started.
file(RELATIVE_PATH copse_from_sbin ${CMAKE_INSTALL_FULL_SBINDIR} ${CMAKE_INSTALL_FULL_BINDIR}/copse)
foreach(helper mount.fuse.copse umount.fuse.copse)
  file(CREATE_LINK ${copse_from_sbin} ${copse_packaging_output}/${helper} SYMBOLIC)
  install(FILES ${copse_packaging_output}/${helper} DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT program)
endforeach()
file(CREATE_LINK mount.fuse.copse.8.gz ${copse_packaging_output}/umount.fuse.copse.8.gz SYMBOLIC)

install(TARGETS copse RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(FILES ${copse_packaging_output}/copse.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES ${copse_packaging_output}/mount.fuse.copse.8.gz ${copse_packaging_output}/umount.fuse.copse.8.gz
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT program)
install(FILES ${copse_packaging}/copse.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME copse
  COMPONENT program)
install(FILES ${copse_packaging}/_copse DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT program)
install(FILES ${copse_packaging}/copse@.service DESTINATION lib/systemd/user COMPONENT program)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/CHANGELOG.md ${copse_packaging}/copyright
  ${copse_packaging_output}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME copse)
set(CPACK_PACKAGE_CONTACT "the copse authors <copse@example.invalid>")
set(CPACK_COMPONENTS_ALL program)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME copse)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "local-first replicated filesystem
copse keeps a folder on several machines. Each has all of it on its own disk,
works on it offline at local speed, and exchanges signed and sealed logs of
changes with the others, without a server. What is deleted goes to a trash,
and no change is lost where several people edit one file.

This package has the program, helpers for mount(8) and fstab, and a systemd
unit that mounts at login.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS fuse3)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
include(CPack)
