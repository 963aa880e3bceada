// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_INTRUSIVE_LIST_H_
#define SOAK_DETAIL_INTRUSIVE_LIST_H_

// A doubly linked list whose links lie in its elements: it allocates nothing, and an element leaves
// whatever list it stands in without knowing which one that is.

namespace soak::detail {

template <typename Tag>
struct Link {
  Link* prev = nullptr;
  Link* next = nullptr;

  bool linked() const noexcept { return next != nullptr; }

  // No effect on an element that stands in no list.
  void unlink() noexcept {
    if (next == nullptr) {
      return;
    }
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

// T derives from Link<Tag>. The list owns nothing; it must be empty, or its elements dead, when it goes.
template <typename T, typename Tag>
class List {
 public:
  List() noexcept { reset(); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const noexcept { return head_.next == &head_; }
  T& front() const noexcept { return *static_cast<T*>(head_.next); }
  T& back() const noexcept { return *static_cast<T*>(head_.prev); }

  void push_back(T& element) noexcept {
    Link<Tag>& link = element;
    link.prev = head_.prev;
    link.next = &head_;
    head_.prev->next = &link;
    head_.prev = &link;
  }

  // Moves all of `other` before what is here.
  void prepend(List& other) noexcept {
    if (other.empty()) {
      return;
    }
    other.head_.prev->next = head_.next;
    head_.next->prev = other.head_.prev;
    head_.next = other.head_.next;
    other.head_.next->prev = &head_;
    other.reset();
  }

  template <typename Visit>
  void for_each(Visit visit) const {
    for (Link<Tag>* link = head_.next; link != &head_; link = link->next) {
      visit(*static_cast<T*>(link));
    }
  }

 private:
  void reset() noexcept { head_.prev = head_.next = &head_; }

  Link<Tag> head_;
};

}  // namespace soak::detail

#endif  // SOAK_DETAIL_INTRUSIVE_LIST_H_
