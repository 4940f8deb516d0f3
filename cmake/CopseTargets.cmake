# What every target of the project shares: warnings, sanitizers, include layout, precompiled headers.
include_guard()

function(copse_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wimplicit-fallthrough)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees uninitialised memory in every moved StatusOr<std::string> that it inlines.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
  if(COPSE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(COPSE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${COPSE_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${COPSE_SANITIZE})
  endif()
  if(COPSE_FUZZ AND NOT COPSE_TESTS)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# copse_layer(NAME SOURCES...): the library copse_NAME with the alias copse::NAME; public headers in include/.
function(copse_layer name)
  add_library(copse_${name} STATIC ${ARGN})
  add_library(copse::${name} ALIAS copse_${name})
  set_target_properties(copse_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(copse_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  copse_options(copse_${name})
endfunction()

# copse_test(NAME LIBRARIES... SOURCES...): one GoogleTest program; every test in it is a ctest of its own.
function(copse_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(copse_${name}_tests ${ARG_SOURCES})
  target_link_libraries(copse_${name}_tests PRIVATE ${ARG_LIBRARIES} copse_test_support rapidcheck_gtest GTest::gmock GTest::gtest_main)
  copse_options(copse_${name}_tests)
  target_precompile_headers(copse_${name}_tests REUSE_FROM copse_test_support)
  include(GoogleTest)
  gtest_discover_tests(copse_${name}_tests TEST_PREFIX "${name}." PROPERTIES TIMEOUT 300 LABELS ${name} ENVIRONMENT "RC_PARAMS=seed=20261121")
endfunction()
