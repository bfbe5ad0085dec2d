# Keeps what is compiled on a new Linux loadable on old ones: glibc 2.28 and libstdc++ of gcc 8, as libtorch's own
# libraries are. `npx ibn-net build` has CMake include this file after project(); a test reads the symbols of the packed
# files.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT TARGET ibn_portable)
  add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:SHELL:-include ${CMAKE_CURRENT_LIST_DIR}/portable.h>")
  add_library(ibn_portable STATIC ${CMAKE_CURRENT_LIST_DIR}/portable.c)
  set_target_properties(ibn_portable PROPERTIES POSITION_INDEPENDENT_CODE ON)
  link_libraries(ibn_portable)
endif()
