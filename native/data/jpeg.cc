#include "jpeg.h"

#ifdef IBN_HAVE_JPEG

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>

namespace ibn::data {

namespace {

// Beside what its name says libjpeg-turbo 2.1 gives other pixels at the edges of what it is asked for: fancy
// upsampling looks at neighbours.
constexpr int64_t kMarginBlocks = 1;
// A file that is cut off ends without the marker of its end. Some programs write more behind it.
constexpr size_t kMostBehindEnd = 4096;
// Files of honest encoders have some ten.
constexpr int kMostScans = 200;

struct Failure {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  int code;
};

// libjpeg calls these, on the thread that called it. Nothing between `setjmp` and them has a destructor.
[[noreturn]] void leave(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  failure->code = info->err->msg_code;
  std::longjmp(failure->jump, 1);
}

// A warning: the library would go on with what it makes up.
void warn(j_common_ptr info, int level) {
  if (level < 0) leave(info);
}

void keepQuiet(j_common_ptr) {}

void formatNothing(j_common_ptr, char* buffer) {
  buffer[0] = '\0';
}

void reset(j_common_ptr info) {
  info->err->num_warnings = 0;
  info->err->msg_code = 0;
}

void checkScans(j_common_ptr info) {
  const auto* image = reinterpret_cast<j_decompress_ptr>(info);
  if (image->input_scan_number <= kMostScans) return;
  info->err->msg_code = JERR_BAD_PROGRESSION;
  leave(info);
}

// libjpeg's own table of messages lies beside code that a shared library cannot hold (it names stderr).
const char* messageOf(int code) {
  static const char* const kMessages[] = {
#define JCOPYRIGHT_SHORT ""
#define JVERSION ""
#define JMESSAGE(name, text) text,
#include <jerror.h>
      nullptr};
  constexpr int kCount = static_cast<int>(sizeof(kMessages) / sizeof(*kMessages)) - 1;
  return code > 0 && code < kCount ? kMessages[code] : "it is damaged";
}

// Pixels of a block, which scaling makes smaller.
int blockOf(const jpeg_decompress_struct& info) {
#if JPEG_LIB_VERSION >= 70
  return info.min_DCT_v_scaled_size;
#else
  return info.min_DCT_scaled_size;
#endif
}

// One file. libjpeg's memory is freed with it, also after a failure.
class Decoder {
 public:
  explicit Decoder(const Bytes& file) : file_(file) {
    std::memset(&info_, 0, sizeof info_);
    std::memset(&failure_, 0, sizeof failure_);
    failure_.base.error_exit = leave;
    failure_.base.emit_message = warn;
    failure_.base.output_message = keepQuiet;
    failure_.base.format_message = formatNothing;
    failure_.base.reset_error_mgr = reset;
    progress_.progress_monitor = checkScans;
    info_.err = &failure_.base;
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info_); }

  bool readHeader() {
    if (setjmp(failure_.jump) != 0) return false;  // NOLINT(modernize-avoid-setjmp-longjmp,cert-err52-cpp)
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, file_.data, static_cast<unsigned long>(file_.size));
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  // Of one or three components, whose colours libjpeg turns into RGB as in Pillow.
  bool isPlain() const { return info_.num_components == 1 || info_.num_components == 3; }
  JpegSize size() const { return {info_.image_height, info_.image_width}; }
  std::string failure() const { return messageOf(failure_.code); }

  // Begins with a part around `region`, in whole blocks.
  bool start(int scale, const Region& region) {
    if (setjmp(failure_.jump) != 0) return false;  // NOLINT(modernize-avoid-setjmp-longjmp,cert-err52-cpp)
    info_.out_color_space = JCS_RGB;
    info_.scale_num = static_cast<unsigned>(scale);
    info_.scale_denom = DCTSIZE;
    jpeg_start_decompress(&info_);
    const int64_t block = static_cast<int64_t>(info_.max_h_samp_factor) * blockOf(info_);
    const int64_t margin = kMarginBlocks * block;
    const int64_t from = std::max<int64_t>(0, region.left - margin);
    const int64_t to = std::min<int64_t>(info_.output_width, region.left + region.width + margin);
    offset_ = static_cast<JDIMENSION>(from);
    auto width = static_cast<JDIMENSION>(to - from);
    if (width < info_.output_width) jpeg_crop_scanline(&info_, &offset_, &width);
    return true;
  }

  bool fits(const Region& region) const {
    return region.left + region.width <= info_.output_width + int64_t{offset_} &&
           region.top + region.height <= info_.output_height;
  }
  size_t rowBytes() const { return size_t{3} * info_.output_width; }

  // `row` has room for `rowBytes`.
  bool read(const Region& region, uint8_t* row, uint8_t* pixels) {
    if (setjmp(failure_.jump) != 0) return false;  // NOLINT(modernize-avoid-setjmp-longjmp,cert-err52-cpp)
    const int64_t block = static_cast<int64_t>(info_.max_v_samp_factor) * blockOf(info_);
    const int64_t skipped = region.top - kMarginBlocks * block;
    if (skipped > 0) jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(skipped));
    const int64_t end = region.top + region.height;
    const size_t bytes = size_t{3} * static_cast<size_t>(region.width);
    const uint8_t* inside = row + size_t{3} * static_cast<size_t>(region.left - offset_);
    while (info_.output_scanline < end) {
      const int64_t at = info_.output_scanline;
      if (jpeg_read_scanlines(&info_, &row, 1) != 1) return false;
      if (at >= region.top) std::memcpy(pixels + bytes * static_cast<size_t>(at - region.top), inside, bytes);
    }
    return true;
  }

 private:
  const Bytes file_;
  jpeg_decompress_struct info_;
  jpeg_progress_mgr progress_{};
  Failure failure_;
  JDIMENSION offset_ = 0;
};

bool hasEnd(const Bytes& file) {
  const size_t behind = std::min(file.size, kMostBehindEnd);
  for (size_t at = 2; at <= behind; at++) {
    const uint8_t* marker = file.data + file.size - at;
    if (marker[0] == 0xff && marker[1] == 0xd9) return true;
  }
  return false;
}

std::string open(Decoder& decoder) {
  if (!decoder.readHeader()) return decoder.failure();
  return decoder.isPlain() ? "" : "it has other colours than gray or RGB";
}

}  // namespace

std::string jpegLibrary() {
  return "libjpeg-turbo " + std::to_string(LIBJPEG_TURBO_VERSION_NUMBER / 1'000'000) + "." +
         std::to_string(LIBJPEG_TURBO_VERSION_NUMBER / 1000 % 1000) + "." +
         std::to_string(LIBJPEG_TURBO_VERSION_NUMBER % 1000);
}

std::string readJpegSize(const Bytes& file, JpegSize& size) {
  if (file.size < 4 || file.data[0] != 0xff || file.data[1] != 0xd8) return "it is no JPEG";
  if (!hasEnd(file)) return "it is cut off";
  Decoder decoder(file);
  std::string problem = open(decoder);
  if (problem.empty()) size = decoder.size();
  return problem;
}

std::string decodeJpeg(const Bytes& file, int scale, const Region& region, uint8_t* pixels) {
  Decoder decoder(file);
  std::string problem = open(decoder);
  if (!problem.empty()) return problem;
  if (!decoder.start(scale, region)) return decoder.failure();
  if (!decoder.fits(region)) return "it has another size than its header said";
  thread_local std::vector<uint8_t> row;
  row.resize(decoder.rowBytes());
  return decoder.read(region, row.data(), pixels) ? "" : decoder.failure();
}

}  // namespace ibn::data

#else

namespace ibn::data {

std::string jpegLibrary() {
  return "";
}

std::string readJpegSize(const Bytes&, JpegSize&) {
  return "this build has no libjpeg-turbo";
}

std::string decodeJpeg(const Bytes&, int, const Region&, uint8_t*) {
  return "this build has no libjpeg-turbo";
}

}  // namespace ibn::data

#endif
