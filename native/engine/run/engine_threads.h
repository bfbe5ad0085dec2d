// The threads of all engines of the process. exit() runs while other threads go on: libtorch's objects are
// taken down under them, so engines are stopped and their threads joined first.
#pragma once
#include <functional>

namespace ibn::engine {

// Runs `main` on a new thread; `stop` asks it to end soon and may be called at any time until it has.
void startThread(std::function<void()> main, std::function<void()> stop);

}  // namespace ibn::engine
