#include "image_batch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exception>

namespace ibn::data {

namespace {

// Longer files are left to lib/data/image.
constexpr int64_t kMostBytes = int64_t{1} << 30;
// Pillow warns of more, and so does lib/data/image.
constexpr int64_t kMostPixels = 89'478'485;

class File {
 public:
  explicit File(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  // -1 for what is no file.
  int64_t size() const {
    struct stat status{};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return -1;
    return status.st_size;
  }

  bool read(uint8_t* to, size_t size, int64_t offset) const {
    while (size > 0) {
      const ssize_t got = ::pread(descriptor_, to, size, offset);
      if (got <= 0) return false;
      to += got;
      offset += got;
      size -= static_cast<size_t>(got);
    }
    return true;
  }

 private:
  const int descriptor_;
};

bool readSource(Item& item) {
  const File file(item.source.path);
  const int64_t size = file.size();
  const int64_t offset = item.source.offset;
  const int64_t length = item.source.length > 0 ? item.source.length : size - offset;
  if (length <= 0 || length > kMostBytes || length > size - offset) return false;
  item.memory.reset(new uint8_t[static_cast<size_t>(length)]);
  item.size = static_cast<size_t>(length);
  return file.read(item.memory.get(), item.size, offset);
}

void openItem(Item& item) {
  if (item.memory == nullptr && !readSource(item)) {
    item.problem = "it cannot be read";
    return;
  }
  item.problem = readJpegSize(item.bytes(), item.pixels);
  if (item.problem.empty() && item.pixels.height * item.pixels.width > kMostPixels)
    item.problem = "it is large";
  if (!item.problem.empty()) item.memory.reset();
}

void prepareItem(Item& item, const Values& values) {
  if (!item.row.defined()) return;
  item.problem = prepare(item.bytes(), item.pixels, item.recipe, values, item.row);
  item.row.reset();
  item.memory.reset();
}

// Whatever is thrown is a reason: lib/ then goes another way, and meets the same where it is no matter of
// this one.
template <typename Work>
void attempt(Item& item, const Work& work) {
  try {
    work(item);
  } catch (const std::exception& error) {
    item.problem = error.what();
    item.row.reset();
  }
}

void callSettle(napi_env env, napi_value settle, int64_t id, napi_value result) {
  napi_value arguments[2] = {nullptr, result};
  napi_value receiver = nullptr;
  napi_get_undefined(env, &receiver);
  napi_create_int64(env, id, &arguments[0]);
  napi_call_function(env, receiver, settle, 2, arguments, nullptr);
}

napi_value sizesOf(napi_env env, const ImageBatch& batch) {
  napi_value list = nullptr;
  napi_create_array_with_length(env, 2 * batch.items.size(), &list);
  for (uint32_t i = 0; i < batch.items.size(); i++) {
    const Item& item = batch.items[i];
    const JpegSize size = item.problem.empty() ? item.pixels : JpegSize{};
    napi_value number = nullptr;
    napi_create_int64(env, size.height, &number);
    napi_set_element(env, list, 2 * i, number);
    napi_create_int64(env, size.width, &number);
    napi_set_element(env, list, 2 * i + 1, number);
  }
  return list;
}

napi_value problemsOf(napi_env env, const ImageBatch& batch) {
  napi_value list = nullptr;
  napi_create_array_with_length(env, batch.items.size(), &list);
  for (uint32_t i = 0; i < batch.items.size(); i++) {
    const std::string& problem = batch.items[i].problem;
    napi_value text = nullptr;
    napi_get_null(env, &text);
    if (!problem.empty()) napi_create_string_utf8(env, problem.data(), problem.size(), &text);
    napi_set_element(env, list, i, text);
  }
  return list;
}

// Adds a task for each image; the last one to end posts `letter`.
template <typename Work>
void forEach(Crew& crew, const std::shared_ptr<Mailbox>& mailbox, const ImageBatchPtr& batch, Work work,
             const Mailbox::Letter& letter) {
  batch->left = batch->items.size();
  for (Item& item : batch->items) {
    crew.add([&item, batch, mailbox, work, letter] {
      attempt(item, work);
      if (--batch->left == 0) mailbox->post(letter);
    });
  }
}

}  // namespace

void open(Crew& crew, const std::shared_ptr<Mailbox>& mailbox, int64_t id, const ImageBatchPtr& batch) {
  forEach(crew, mailbox, batch, openItem, [batch, id](napi_env env, napi_value settle) {
    batch->is_busy = false;
    callSettle(env, settle, id, sizesOf(env, *batch));
  });
}

void prepare(Crew& crew, const std::shared_ptr<Mailbox>& mailbox, int64_t id, const ImageBatchPtr& batch) {
  const ImageBatch* whole = batch.get();
  const auto work = [whole](Item& item) { prepareItem(item, whole->values); };
  forEach(crew, mailbox, batch, work, [batch, id](napi_env env, napi_value settle) {
    batch->is_busy = false;
    callSettle(env, settle, id, problemsOf(env, *batch));
  });
}

}  // namespace ibn::data
