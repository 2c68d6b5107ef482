#include "net/http/chunk_decoder.h"

#include <algorithm>

namespace duolog::http {
namespace {

constexpr std::uint8_t kMaxDigits = 16;

// What an extension or a trailer field may hold: no control character but the tab.
bool is_text(std::uint8_t byte) { return byte == '\t' || (byte >= 0x20 && byte != 0x7F); }

int hex_value(std::uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

}  // namespace

ChunkDecoder::Status ChunkDecoder::feed(Bytes& input, std::string& body,
                                        std::uint64_t max_body_bytes) {
  while (!input.empty() && state_ != State::kComplete) {
    if (state_ == State::kData) {
      const std::size_t take = std::min<std::uint64_t>(input.size(), chunk_left_);
      body.append(as_text(input.first(take)));
      input = input.subspan(take);
      chunk_left_ -= take;
      if (chunk_left_ == 0) state_ = State::kDataCr;
      continue;
    }
    const Status status = step(input[0]);
    if (status == Status::kInvalid) return status;
    input = input.subspan(1);
    if (state_ == State::kData && chunk_left_ > max_body_bytes - body.size()) {
      return Status::kTooLarge;
    }
  }
  return state_ == State::kComplete ? Status::kComplete : Status::kNeedMore;
}

bool ChunkDecoder::go(bool allowed, State next) {
  if (allowed) state_ = next;
  return allowed;
}

// Takes one byte of the framing. kNeedMore means that it was right.
ChunkDecoder::Status ChunkDecoder::step(std::uint8_t byte) {
  if (state_ == State::kSize) return step_size(byte);
  const bool in_line =
      state_ == State::kExtension || state_ == State::kTrailerLine || state_ == State::kTrailer;
  if (in_line && ++line_bytes_ > kMaxLineBytes) return Status::kInvalid;
  bool right = false;
  switch (state_) {
    case State::kExtension:
      right = byte == '\r' ? go(true, State::kSizeLf) : is_text(byte);
      break;
    case State::kSizeLf:
      line_bytes_ = 0;
      right = go(byte == '\n', chunk_left_ == 0 ? State::kTrailerLine : State::kData);
      break;
    case State::kDataCr:
      right = go(byte == '\r', State::kDataLf);
      break;
    case State::kDataLf:
      digits_ = 0;
      right = go(byte == '\n', State::kSize);
      break;
    case State::kTrailerLine:
      right = byte == '\r' ? go(true, State::kEndLf) : go(is_text(byte), State::kTrailer);
      break;
    case State::kTrailer:
      right = byte == '\r' ? go(true, State::kTrailerLf) : is_text(byte);
      break;
    case State::kTrailerLf:
      right = go(byte == '\n', State::kTrailerLine);
      break;
    case State::kEndLf:
      right = go(byte == '\n', State::kComplete);
      break;
    case State::kSize:
    case State::kData:
    case State::kComplete:
      break;
  }
  return right ? Status::kNeedMore : Status::kInvalid;
}

ChunkDecoder::Status ChunkDecoder::step_size(std::uint8_t byte) {
  if (const int digit = hex_value(byte); digit >= 0) {
    if (digits_ == kMaxDigits) return Status::kInvalid;
    chunk_left_ = (digits_ == 0 ? 0 : chunk_left_ << 4) | static_cast<std::uint64_t>(digit);
    ++digits_;
    return Status::kNeedMore;
  }
  if (digits_ == 0) return Status::kInvalid;
  if (byte == '\r') return go(true, State::kSizeLf) ? Status::kNeedMore : Status::kInvalid;
  const bool extension = byte == ';' || byte == ' ' || byte == '\t';
  return go(extension, State::kExtension) ? Status::kNeedMore : Status::kInvalid;
}

}  // namespace duolog::http
