# duolog_version: a library with the version and the commit that the tree was built from.
#
# The commit is asked for in every build, so that it follows HEAD, and the source is rewritten only
# when the answer changed. Without .git, or without git, it is "unknown".
set(version_source ${CMAKE_BINARY_DIR}/generated/version.cc)
add_custom_target(duolog_version_source
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
          -DOUTPUT=${version_source} -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake
  BYPRODUCTS ${version_source}
  COMMENT "Asking git for the commit"
  VERBATIM)
add_library(duolog_version STATIC ${version_source})
add_dependencies(duolog_version duolog_version_source)
target_link_libraries(duolog_version PUBLIC duolog_options)
