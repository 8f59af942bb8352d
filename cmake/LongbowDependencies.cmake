# Finds every library Longbow links and gives each one name, `longbow::x`; docs/dependencies.md says why each is here.

find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)

# A library found by its header and file name, as an imported target.
function(longbow_find target header)
  find_path(${target}_include ${header} REQUIRED)
  add_library(longbow::${target} INTERFACE IMPORTED)
  target_include_directories(longbow::${target} SYSTEM INTERFACE ${${target}_include})
  foreach(name ${ARGN})
    find_library(${target}_${name} ${name} REQUIRED)
    target_link_libraries(longbow::${target} INTERFACE ${${target}_${name}})
  endforeach()
endfunction()

longbow_find(zstd zstd.h zstd)
longbow_find(rapidjson rapidjson/reader.h)
longbow_find(cli11 CLI/CLI.hpp)
longbow_find(curl curl/curl.h curl)
longbow_find(zeromq zmq.hpp zmq)
longbow_find(sentencepiece sentencepiece_trainer.h sentencepiece sentencepiece_train)

if(LONGBOW_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()

# LibTorch: LONGBOW_LIBTORCH (a folder holding include/ and lib/) or the environment's LIBTORCH; tools/setup finds or fetches one.
# Only the CPU library is linked. The CUDA build's libtorch_cpu.so wants two small CUDA libraries beside it at load time.
set(LONGBOW_LIBTORCH "$ENV{LIBTORCH}" CACHE PATH "LibTorch: the folder that holds include/ and lib/")
find_path(libtorch_include ATen/core/Tensor.h PATHS ${LONGBOW_LIBTORCH}/include NO_DEFAULT_PATH)
find_library(libtorch_cpu torch_cpu PATHS ${LONGBOW_LIBTORCH}/lib NO_DEFAULT_PATH)
find_library(libtorch_c10 c10 PATHS ${LONGBOW_LIBTORCH}/lib NO_DEFAULT_PATH)
if(NOT libtorch_include OR NOT libtorch_cpu OR NOT libtorch_c10)
  message(FATAL_ERROR "LibTorch: expected include/ATen and lib/libtorch_cpu.so, got LONGBOW_LIBTORCH='${LONGBOW_LIBTORCH}'\nhint: run tools/setup, or set LIBTORCH to the folder that holds include/ and lib/")
endif()
add_library(longbow::libtorch INTERFACE IMPORTED)
target_include_directories(longbow::libtorch SYSTEM INTERFACE ${libtorch_include})
target_link_libraries(longbow::libtorch INTERFACE ${libtorch_cpu} ${libtorch_c10})
set(longbow_libtorch_version unknown)
if(EXISTS ${libtorch_include}/torch/headeronly/version.h)
  file(STRINGS ${libtorch_include}/torch/headeronly/version.h version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
elseif(EXISTS ${libtorch_include}/torch/csrc/api/include/torch/version.h)
  file(STRINGS ${libtorch_include}/torch/csrc/api/include/torch/version.h version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
endif()
if(version_lines)
  string(REGEX REPLACE "[^0-9;]" "" version_digits "${version_lines}")
  string(REPLACE ";" "." longbow_libtorch_version "${version_digits}")
endif()
