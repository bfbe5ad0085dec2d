// What lib/data/pipeline/native.ts calls.
#include <cstring>
#include <utility>

#include "../binding/call.h"
#include "image_batch.h"
#include "reading.h"
#include "resample.h"

namespace ibn {

namespace {

using data::Crew;
using data::ImageBatch;
using data::ImageBatchPtr;
using data::Mailbox;

constexpr int64_t kMostThreads = 1024;

// What a DataLoader has of this room. It may go inside garbage collection: nothing here waits for threads.
class ImageCrew final : public torch::CustomClassHolder {
 public:
  ImageCrew(std::shared_ptr<Crew> threads, std::shared_ptr<Mailbox> letters)
      : crew(std::move(threads)), mailbox(std::move(letters)) {}
  ImageCrew(const ImageCrew&) = delete;
  ImageCrew& operator=(const ImageCrew&) = delete;
  ~ImageCrew() override { close(); }

  void close() const {
    crew->stop();
    mailbox->close();
  }

  const std::shared_ptr<Crew> crew;
  const std::shared_ptr<Mailbox> mailbox;
};

template <typename Class>
c10::intrusive_ptr<Class> valueOf(const Call& call, size_t index, const char* what) {
  const Box* box = call.data.unbox(call.env, call.at(index));
  if (box != nullptr && box->kind == BoxKind::kValue && box->value.isCapsule()) {
    const auto found = c10::dynamic_intrusive_pointer_cast<Class>(box->value.toCapsule());
    if (found) return found;
  }
  throw InvalidArgument("ERR_INVALID_ARG_TYPE", std::string("Expected ") + what);
}

Napi::Value wrapCapsule(const Call& call, c10::intrusive_ptr<torch::CustomClassHolder> value) {
  return {call.env, call.data.wrapValue(call.env, c10::IValue::make_capsule(std::move(value)))};
}

// imagesCreate(threads, settle): a handle.
Napi::Value imagesCreate(Call& call) {
  const int64_t threads = call.integer(0, "threads");
  if (threads < 1 || threads > kMostThreads) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected 1 to 1024 for \"threads\"");
  }
  auto mailbox = Mailbox::make(call.env, call.at(1));
  auto crew = Crew::start(static_cast<int>(threads));
  return wrapCapsule(call, c10::make_intrusive<ImageCrew>(std::move(crew), std::move(mailbox)));
}

void begin(const Call& call, const ImageCrew& crew, ImageBatch& batch) {
  if (batch.is_busy)
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a batch that is not being worked on");
  batch.is_busy = true;
  crew.mailbox->expect(call.env);
}

// imagesOpen(handle, id, sources): a handle of a batch, which settle(id, sizes) is called for.
Napi::Value imagesOpen(Call& call) {
  const auto crew = valueOf<ImageCrew>(call, 0, "a crew");
  const int64_t id = call.integer(1, "id");
  ImageBatchPtr batch = c10::make_intrusive<ImageBatch>(data::readSources(call, 2));
  const Napi::Value handle = wrapCapsule(call, batch);
  begin(call, *crew, *batch);
  open(*crew->crew, crew->mailbox, id, batch);
  return handle;
}

// imagesPrepare(handle, id, batch, rows, recipes, values): settle(id, problems) is called. A row is a tensor
// (3, H, W), or null for an image to leave out; values are float32 (3, 256), or null for uint8 rows.
Napi::Value imagesPrepare(Call& call) {
  const auto crew = valueOf<ImageCrew>(call, 0, "a crew");
  const int64_t id = call.integer(1, "id");
  const auto batch = valueOf<ImageBatch>(call, 2, "a batch");
  if (batch->is_busy)
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a batch that is not being worked on");
  data::readWork(call, 3, *batch);
  begin(call, *crew, *batch);
  prepare(*crew->crew, crew->mailbox, id, batch);
  return call.undefined();
}

// imagesClose(handle): what is under way is dropped, and settle is not called any more.
Napi::Value imagesClose(Call& call) {
  valueOf<ImageCrew>(call, 0, "a crew")->close();
  return call.undefined();
}

// imagesResize(image, height, width, filter): a uint8 image (N, C, H, W) in another size; filters are counted
// as data::Filter's.
Napi::Value imagesResize(Call& call) {
  const at::Tensor& image = call.tensor(0);
  const int64_t height = call.integer(1, "height");
  const int64_t width = call.integer(2, "width");
  const int64_t filter = call.integer(3, "filter");
  if (image.dim() != 4 || image.scalar_type() != at::kByte || !image.is_cpu() ||
      image.layout() != at::kStrided || image.numel() == 0) {
    throw InvalidArgument("ERR_INVALID_ARG_TYPE",
                          "Expected a uint8 image (N, C, H, W) on the CPU, not empty");
  }
  if (height < 1 || width < 1 || filter < 0 || filter > static_cast<int64_t>(data::Filter::kLanczos)) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a size of one pixel at least and a known filter");
  }
  return call.wrap(data::resample(image, height, width, static_cast<data::Filter>(filter)));
}

Napi::Value jpegLibrary(Call& call) {
  return Napi::String::New(call.env, data::jpegLibrary());
}

}  // namespace

void defineImages(Napi::Object exports) {
  define<imagesCreate>(exports, "imagesCreate");
  define<imagesOpen>(exports, "imagesOpen");
  define<imagesPrepare>(exports, "imagesPrepare");
  define<imagesClose>(exports, "imagesClose");
  define<imagesResize>(exports, "imagesResize");
  define<jpegLibrary>(exports, "jpegLibrary");
}

}  // namespace ibn
