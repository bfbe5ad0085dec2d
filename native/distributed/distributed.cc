// What lib/distributed/native.ts calls: a thin face of c10d.
#include "../binding/call.h"
#include "parts.h"

namespace ibn {

void defineDistributed(Napi::Object exports) {
  distributed::defineStores(exports);
  distributed::defineGroups(exports);
  distributed::defineCollectives(exports);
  distributed::defineReducer(exports);
  distributed::defineSyncBatchNorm(exports);
}

}  // namespace ibn
