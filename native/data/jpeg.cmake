# libjpeg-turbo for native/data: its static library where there is one that a shared library can hold (Debian's and Ubuntu's
# libjpeg-dev), so that a packed binding needs none on the user's machine; else the shared one; else none, and lib/data
# decodes through sharp. IBN_JPEG chooses: AUTO, STATIC (an error where there is none) or OFF.
set(IBN_JPEG "AUTO" CACHE STRING "libjpeg-turbo: AUTO, STATIC or OFF")

function(ibn_check_jpeg result)
  set(CMAKE_REQUIRED_INCLUDES ${JPEG_INCLUDE})
  set(CMAKE_REQUIRED_FLAGS "-fPIC")
  set(CMAKE_REQUIRED_LINK_OPTIONS -shared -Wl,--exclude-libs,ALL -Wl,-z,defs)
  set(CMAKE_REQUIRED_LIBRARIES ${ARGN})
  check_cxx_source_compiles("
    #include <cstddef>
    #include <cstdio>
    #include <jpeglib.h>
    extern \"C\" int ibn_probe(jpeg_decompress_struct* info, unsigned char* bytes) {
      JDIMENSION offset = 0;
      JDIMENSION width = 0;
      static_assert(LIBJPEG_TURBO_VERSION_NUMBER >= 2001000, \"libjpeg-turbo 2.1\");
      jpeg_create_decompress(info);
      jpeg_mem_src(info, bytes, 1);
      jpeg_read_header(info, TRUE);
      jpeg_start_decompress(info);
      jpeg_crop_scanline(info, &offset, &width);
      jpeg_destroy_decompress(info);
      return static_cast<int>(jpeg_skip_scanlines(info, 1));
    }" ${result})
endfunction()

if(NOT IBN_JPEG STREQUAL "OFF")
  include(CheckCXXSourceCompiles)
  find_path(JPEG_INCLUDE jpeglib.h)
  find_library(JPEG_ARCHIVE libjpeg.a)
  find_library(JPEG_SHARED jpeg)
  if(JPEG_INCLUDE AND JPEG_ARCHIVE)
    ibn_check_jpeg(IBN_HAVE_STATIC_JPEG ${JPEG_ARCHIVE})
  endif()
  if(JPEG_INCLUDE AND JPEG_SHARED AND NOT IBN_HAVE_STATIC_JPEG AND IBN_JPEG STREQUAL "AUTO")
    ibn_check_jpeg(IBN_HAVE_SHARED_JPEG ${JPEG_SHARED})
  endif()
  if(IBN_HAVE_STATIC_JPEG)
    target_link_libraries(binding PRIVATE ${JPEG_ARCHIVE})
    target_link_options(binding PRIVATE -Wl,--exclude-libs,libjpeg.a)
  elseif(IBN_HAVE_SHARED_JPEG)
    target_link_libraries(binding PRIVATE ${JPEG_SHARED})
  elseif(IBN_JPEG STREQUAL "STATIC")
    message(FATAL_ERROR "IBN_JPEG is STATIC, and no libjpeg.a of libjpeg-turbo 2.1 was found; install libjpeg-dev")
  endif()
  if(IBN_HAVE_STATIC_JPEG OR IBN_HAVE_SHARED_JPEG)
    set_source_files_properties(native/data/jpeg.cc PROPERTIES COMPILE_DEFINITIONS IBN_HAVE_JPEG
      INCLUDE_DIRECTORIES ${JPEG_INCLUDE})
  else()
    message(STATUS "No libjpeg-turbo 2.1: JPEG files are decoded through sharp")
  endif()
endif()
