# Compiler settings that every room shares.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Editors look for it here; it is that of the build that was configured last.
cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${PROJECT_BINARY_DIR}" inside)
if(inside AND PROJECT_IS_TOP_LEVEL)
  file(RELATIVE_PATH commands ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/compile_commands.json)
  file(CREATE_LINK ${commands} ${PROJECT_SOURCE_DIR}/compile_commands.json RESULT ignored SYMBOLIC)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3")  # no -DNDEBUG: CHECK stays on, and so does assert in our libraries
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")

option(DUOLOG_LTO "Optimise across translation units when linking" OFF)
option(DUOLOG_MIMALLOC "Programs of a Release build allocate with mimalloc" ON)
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${DUOLOG_LTO})

find_program(CCACHE ccache)
if(CCACHE)
  # ccache keys a file that uses a precompiled header by that header's content, if it may.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()

find_package(Threads REQUIRED)

# duolog_options carries the warnings and the target CPU: SSE4.2 and PCLMUL for CRC-32C.
add_library(duolog_options INTERFACE)
target_include_directories(duolog_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(duolog_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Werror=return-type
  -Wno-missing-field-initializers  # members left out of a designated initialiser have defaults
  # False alarms of GCC 12 in inlined std::string (bug 105651), std::atomic and liburing's bufs[0];
  # clang builds warn for what is real.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
  -fno-omit-frame-pointer -msse4.2 -mpclmul)
target_link_libraries(duolog_options INTERFACE Threads::Threads)

if(DUOLOG_SANITIZE)
  add_compile_options(-fsanitize=${DUOLOG_SANITIZE} -fno-sanitize-recover=all -g)
  add_link_options(-fsanitize=${DUOLOG_SANITIZE})
endif()

# duolog_room(NAME GLOB...): a static library of every .cc file directly in or below the folders.
function(duolog_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARGN})
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC duolog_options)
  duolog_precompile(${name} duolog_base)
  duolog_batches(${name} 4)
endfunction()

# duolog_precompile(NAME FIRST [HEADER...]): the target uses cmake/precompiled.h and the headers as
# the target FIRST, which is optimised alike, compiles them.
function(duolog_precompile name first)
  if(NOT DUOLOG_PRECOMPILE)
    return()
  elseif(name STREQUAL first)
    target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.h ${ARGN})
  else()
    target_precompile_headers(${name} REUSE_FROM ${first})
  endif()
endfunction()

# duolog_batches(NAME SIZE): up to SIZE sources of a folder of the target are compiled as one, because
# what they include takes far longer than they do. So what is local to a source has a name that its
# folder has only once.
function(duolog_batches name size)
  if(NOT DUOLOG_BATCHES)
    return()
  endif()
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${name} SOURCES)
  list(SORT sources)
  set(last_folder "")
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source OUTPUT_VARIABLE folder)
    cmake_path(GET folder PARENT_PATH folder)
    if(NOT folder STREQUAL last_folder)
      set(last_folder ${folder})
      set(count 0)
    endif()
    math(EXPR batch "${count} / ${size}")
    math(EXPR count "${count} + 1")
    file(RELATIVE_PATH group ${PROJECT_SOURCE_DIR} ${folder}/${batch})
    string(MAKE_C_IDENTIFIER ${group} group)
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
  endforeach()
endfunction()

# duolog_program(NAME GLOB...): a program of every .cc file directly in or below the folders.
# In a Release build it allocates with mimalloc, linked even though nothing may name a symbol of it;
# sanitizers bring an allocator of their own.
function(duolog_program name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARGN})
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE duolog_options)
  if(DUOLOG_MIMALLOC AND NOT DUOLOG_SANITIZE AND CMAKE_BUILD_TYPE STREQUAL "Release")
    find_package(mimalloc REQUIRED)
    target_compile_definitions(${name} PRIVATE DUOLOG_MIMALLOC)
    target_link_libraries(${name} PRIVATE -Wl,--push-state,--no-as-needed mimalloc -Wl,--pop-state)
  endif()
endfunction()
