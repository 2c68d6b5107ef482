// What is left of a SimFiles after a crash, and the copying of trees in and out.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <utility>

#include "engine/base/check.h"
#include "tests/sim/sim_files.h"

namespace duolog::sim {

namespace {

// Builds the file system after one crash from the one before it.
class Reboot {
 public:
  Reboot(CrashPolicy policy, std::uint64_t seed, std::shared_ptr<SimSpace> space)
      : policy_(policy), random_(seed), space_(std::move(space)) {}

  std::shared_ptr<SimDirectory> run(const std::shared_ptr<SimDirectory>& root) {
    if (policy_ == CrashPolicy::kKill) {
      keep_directory_op_ = coin();
      return after_kill(root);
    }
    choose_prefixes(root);
    extend_to_whole_renames();
    return after_power_loss(*root);
  }

 private:
  bool coin() { return random_() % 2 == 0; }

  std::size_t choose_count(std::size_t count) {
    if (policy_ == CrashPolicy::kKeepAll) return count;
    if (policy_ == CrashPolicy::kDropAll) return 0;
    return random_() % (count + 1);
  }

  std::vector<bool> choose_sectors(std::size_t count) {
    std::vector<bool> kept(count, policy_ == CrashPolicy::kKeepAll);
    if (policy_ != CrashPolicy::kRandom) return kept;
    switch (random_() % 4) {
      case 0:  // kept
        kept.assign(count, true);
        break;
      case 1:  // dropped
        break;
      case 2:  // its beginning
        std::fill_n(kept.begin(), random_() % (count + 1), true);
        break;
      default:  // any of its sectors
        for (std::size_t i = 0; i < count; ++i) kept[i] = coin();
    }
    return kept;
  }

  // ---- Power loss

  void choose_prefixes(const std::shared_ptr<SimDirectory>& directory) {
    if (kept_ops_.contains(directory.get())) return;
    directories_.push_back(directory);
    kept_ops_[directory.get()] = choose_count(directory->pending.size());
    const auto visit = [this](const SimNode& node) {
      if (node.directory) choose_prefixes(node.directory);
    };
    for (const auto& [name, node] : directory->durable) visit(node);
    for (const SimDirectoryOp& op : directory->pending) visit(op.node);
  }

  // A rename that one directory keeps is kept by the other, with all that came before it there.
  void extend_to_whole_renames() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& directory : directories_) {
        for (std::size_t i = 0; i < kept_ops_[directory.get()]; ++i) {
          const SimDirectoryOp& op = directory->pending[i];
          const auto partner = op.partner.lock();
          if (!partner) continue;
          std::size_t& kept = kept_ops_[partner.get()];
          const std::size_t needed = partner->count_through(op.id);
          if (kept >= needed) continue;
          kept = needed;
          changed = true;
        }
      }
    }
  }

  std::shared_ptr<SimDirectory> after_power_loss(const SimDirectory& directory) {
    SimEntries entries = directory.durable;
    for (std::size_t i = 0; i < kept_ops_[&directory]; ++i) {
      SimDirectory::apply(entries, directory.pending[i]);
    }
    const SimFile::PowerLoss choices{[this](std::size_t count) { return choose_count(count); },
                                     [this](std::size_t count) { return choose_sectors(count); }};
    auto result = std::make_shared<SimDirectory>();
    for (const auto& [name, node] : entries) {
      SimNode& copy = result->durable[name];
      if (node.file) copy.file = node.file->after_power_loss(space_, choices);
      if (node.directory) copy.directory = after_power_loss(*node.directory);
    }
    result->now = result->durable;
    return result;
  }

  // ---- Kill

  SimNode after_kill(const SimNode& node) {
    SimNode copy;
    if (node.file) {
      auto& file = files_[node.file.get()];
      if (!file) file = node.file->after_kill(space_, [this] { return coin(); });
      copy.file = file;
    }
    if (node.directory) copy.directory = after_kill(node.directory);
    return copy;
  }

  std::shared_ptr<SimDirectory> after_kill(const std::shared_ptr<SimDirectory>& directory) {
    const auto known = copies_.find(directory.get());
    if (known != copies_.end()) return known->second;
    auto result = std::make_shared<SimDirectory>();
    copies_[directory.get()] = result;
    for (const auto& [name, node] : directory->durable) result->durable[name] = after_kill(node);
    result->now = result->durable;
    for (const SimDirectoryOp& op : directory->pending) {
      if (op.in_flight && !keep_directory_op_) continue;
      SimDirectoryOp copy = op;
      copy.in_flight = false;
      copy.node = after_kill(op.node);
      if (auto partner = op.partner.lock()) copy.partner = after_kill(partner);
      result->record(std::move(copy));
    }
    return result;
  }

  CrashPolicy policy_;
  std::mt19937_64 random_;
  std::shared_ptr<SimSpace> space_;
  std::vector<std::shared_ptr<SimDirectory>> directories_;
  std::map<const SimDirectory*, std::size_t> kept_ops_;
  std::map<const SimDirectory*, std::shared_ptr<SimDirectory>> copies_;
  std::map<const SimFile*, std::shared_ptr<SimFile>> files_;
  bool keep_directory_op_ = true;
};

void add_tree(const SimDirectory& directory, const std::string& prefix,
              std::vector<std::string>& lines) {
  for (const auto& [name, node] : directory.now) {
    if (node.directory) {
      lines.push_back(prefix + name + "/");
      add_tree(*node.directory, prefix + name + "/", lines);
    } else {
      lines.push_back(prefix + name + " " + std::to_string(node.file->now().size_bytes));
    }
  }
}

void copy_tree_out(const SimDirectory& directory, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  for (const auto& [name, node] : directory.now) {
    if (node.directory) {
      copy_tree_out(*node.directory, to / name);
      continue;
    }
    std::ofstream file(to / name, std::ios::binary | std::ios::trunc);
    const SimContent& content = node.file->now();
    file.write(reinterpret_cast<const char*>(content.buffer.data()),
               static_cast<std::streamsize>(content.size_bytes));
    CHECK(file.good());
  }
}

}  // namespace

std::unique_ptr<SimFiles> SimFiles::reboot(CrashPolicy policy, std::uint64_t seed) {
  stop();
  auto files = std::make_unique<SimFiles>(max_file_bytes_);
  files->root_ = Reboot(policy, seed, files->space_).run(root_);
  files->space_->capacity_bytes = space_->capacity_bytes;
  files->next_rename_ = next_rename_;
  return files;
}

void SimFiles::flip_bit(const std::string& path, std::uint64_t position, unsigned bit) {
  auto node = find(path);
  CHECK(node && node->file && position < node->file->now().size_bytes);
  node->file->flip_bit(position, bit);
}

bool SimFiles::exists(const std::string& path) const { return find(path).has_value(); }

std::vector<std::uint8_t> SimFiles::content(const std::string& path) const {
  auto node = find(path);
  CHECK(node && node->file);
  const SimContent& content = node->file->now();
  return {content.buffer.data(), content.buffer.data() + content.size_bytes};
}

std::vector<std::string> SimFiles::tree(const std::string& path) const {
  std::vector<std::string> lines;
  auto node = find(path);
  CHECK(node && node->directory);
  add_tree(*node->directory, {}, lines);
  return lines;
}

void SimFiles::copy_out(const std::string& path, const std::string& real_directory) const {
  auto node = find(path);
  CHECK(node && node->directory);
  copy_tree_out(*node->directory, real_directory);
}

void SimFiles::copy_in(const std::string& real_directory, const std::string& path) {
  auto node = find(path);
  CHECK(node && node->directory);
  SimDirectory& directory = *node->directory;
  for (const auto& entry : std::filesystem::directory_iterator(real_directory)) {
    const std::string name = entry.path().filename().string();
    SimDirectoryOp op;
    op.add = name;
    if (entry.is_directory()) {
      op.node.directory = std::make_shared<SimDirectory>();
    } else {
      op.node.file = std::make_shared<SimFile>(space_, max_file_bytes_);
      std::ifstream file(entry.path(), std::ios::binary);
      std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
      record_write(*op.node.file, 0, std::move(bytes), false, false);
      op.node.file->commit(op.node.file->recorded());
    }
    directory.record(std::move(op));
    directory.commit(directory.pending.size());
    if (entry.is_directory()) copy_in(entry.path().string(), path + "/" + name);
  }
}

}  // namespace duolog::sim
