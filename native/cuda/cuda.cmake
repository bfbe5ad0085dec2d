# The package's own ops: schemas, derivatives and the CPU's kernels in the binding, whatever the device; the CUDA kernels
# in a library of their own, with -DIBN_CUDA=ON.
file(GLOB OP_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/native/ops/*.cc)
target_sources(binding PRIVATE ${OP_SOURCES})
# at::parallel_for is a template; its threads are those of the libgomp that libtorch has loaded, so none is linked.
set_source_files_properties(${CMAKE_SOURCE_DIR}/native/ops/torch_team.cc PROPERTIES COMPILE_OPTIONS -fopenmp)

option(IBN_CUDA "Build libibn_cuda.so with nvcc" OFF)
if(IBN_CUDA)
  add_subdirectory(native/cuda cuda)
endif()
