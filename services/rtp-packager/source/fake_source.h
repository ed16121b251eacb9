#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "services/rtp-packager/source/source.h"

namespace headwater {

// Sources by hand, for tests of what uses them: the test opens nothing and says what happens.
//   opener.latest().Answer({.content_type = "audio/mpeg"});
//   opener.latest().Media(bytes);
class FakeSourceOpener : public SourceOpener {
 public:
  // One opening; stays valid as long as the opener.
  class Opening {
   public:
    Opening(SourceRequest request, SourceObserver& observer)
        : request_(std::move(request)), observer_(&observer) {}

    const SourceRequest& request() const { return request_; }
    // Neither closed nor destroyed by its owner. The calls below do nothing when it is not.
    bool alive() const { return observer_ != nullptr; }
    bool paused() const { return paused_; }
    bool titled() const { return titled_; }

    void Requested(MonoTime time) {
      if (alive()) observer_->OnRequested(time);
    }
    void Answer(const SourceHead& head) {
      if (alive()) observer_->OnAnswered(head);
    }
    void Media(Bytes media) {
      if (alive()) observer_->OnMedia(media);
    }
    void Title(const StreamTitle& title) {
      if (alive()) observer_->OnTitle(title);
    }
    void Close(const SourceError& error) {
      if (SourceObserver* observer = std::exchange(observer_, nullptr)) observer->OnClosed(error);
    }

   private:
    friend class FakeSourceOpener;
    SourceRequest request_;
    SourceObserver* observer_;
    bool paused_ = false;
    bool titled_ = false;
  };

  std::unique_ptr<Source> Open(const SourceRequest& request, SourceObserver& observer) override {
    openings_.push_back(std::make_shared<Opening>(request, observer));
    return std::make_unique<Handle>(openings_.back());
  }

  // Every opening so far, oldest first.
  size_t opened() const { return openings_.size(); }
  Opening& opening(size_t index) { return *openings_.at(index); }
  Opening& latest() { return *openings_.back(); }

 private:
  class Handle : public Source {
   public:
    explicit Handle(std::shared_ptr<Opening> opening) : opening_(std::move(opening)) {}
    ~Handle() override { opening_->observer_ = nullptr; }
    void SetPaused(bool paused) override { opening_->paused_ = paused; }
    void SetTitled() override { opening_->titled_ = true; }

   private:
    std::shared_ptr<Opening> opening_;
  };

  std::vector<std::shared_ptr<Opening>> openings_;
};

}  // namespace headwater
