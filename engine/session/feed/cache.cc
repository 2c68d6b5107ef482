#include "engine/session/feed/batch.h"
#include "engine/session/live/batch_cache_code.h"

namespace duolog::session {

template class BatchCache<FeedBatch>;

}  // namespace duolog::session
