#include "engine/session/live/batch_cache_code.h"
#include "engine/session/push/batch.h"

namespace duolog::session {

template class BatchCache<PushBatch>;

}  // namespace duolog::session
