# The package's own ops: schemas, derivatives and the CPU's kernels in the binding, whatever the device; the CUDA kernels
# in a library of their own, with -DIBN_CUDA=ON.
file(GLOB OP_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/native/ops/*.cc)
target_sources(binding PRIVATE ${OP_SOURCES})

option(IBN_CUDA "Build libibn_cuda.so with nvcc" OFF)
if(IBN_CUDA)
  add_subdirectory(native/cuda cuda)
endif()
