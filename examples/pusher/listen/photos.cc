// SPDX-License-Identifier: Apache-2.0
#include "pusher/listen/photos.h"

#include <algorithm>
#include <utility>

namespace pusher::listen {

void Photos::add(ImageChunk chunk, soak::Instant now) {
  expire(now);
  auto part = std::find_if(parts_.begin(), parts_.end(), [&](const Part& other) { return other.id == chunk.id; });
  if (part == parts_.end()) {
    if (parts_.size() >= limits_.image_parts) {
      parts_.pop_front();
    }
    const auto total = static_cast<std::size_t>(chunk.total);
    parts_.push_back({Parcel(flows_, Flow::kPhotos, 1), chunk.id, now, {}, total});
    part = std::prev(parts_.end());
    part->chunks.resize(total);
  }
  if (part->chunks.size() != static_cast<std::size_t>(chunk.total)) {
    throw pusher::FrameError("client message: total: expected the same for every chunk of an image");
  }
  std::optional<std::string>& place = part->chunks[static_cast<std::size_t>(chunk.index)];
  if (place) {
    return;  // Sent twice.
  }
  part->bytes += chunk.data.size();
  if (part->bytes > limits_.image_bytes_max) {
    parts_.erase(part);
    throw pusher::FrameError("client message: an image of more than 4 MiB");
  }
  place = std::move(chunk.data);
  if (--part->missing > 0) {
    return;
  }
  Photo photo{std::move(part->parcel), std::move(part->id), {}};
  for (const std::optional<std::string>& data : part->chunks) {
    photo.data += *data;
  }
  parts_.erase(part);
  photos_.push_back(std::move(photo));
  if (photos_.size() > limits_.photos) {
    photos_.pop_front();
  }
}

void Photos::expire(soak::Instant now) {
  while (!parts_.empty() && now - parts_.front().since >= limits_.image_part_age) {
    parts_.pop_front();
  }
}

std::optional<Photo> Photos::take() {
  if (photos_.empty()) {
    return std::nullopt;
  }
  Photo photo = std::move(photos_.front());
  photos_.pop_front();
  return photo;
}

}  // namespace pusher::listen
