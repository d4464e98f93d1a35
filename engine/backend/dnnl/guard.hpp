// guard.hpp: from C++ to C: exceptions become messages.
#pragma once

#include "kernel.hpp"

#include <omp.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>

namespace duet {

// message is what an exception says, with oneDNN's status.
inline std::string message(const std::exception &e) {
    const auto *own = dynamic_cast<const dnnl::error *>(&e);
    return own ? std::string(e.what()) + ": " + dnnl_status2str(own->status) : e.what();
}

// Team sets the size of the calling thread's team while it lives: oneDNN divides the work when a primitive is made.
class Team {
  public:
    explicit Team(int threads) : before(omp_get_max_threads()) { omp_set_num_threads(threads); }
    ~Team() { omp_set_num_threads(before); }
    Team(const Team &) = delete;
    Team &operator=(const Team &) = delete;

  private:
    int before;
};

// guarded makes a T from what f returns, or null and a message.
template <class T, class F> T *guarded(char **error, F f) {
    try {
        return new T{f()};
    } catch (const std::exception &e) {
        *error = strdup(message(e).c_str());
        return nullptr;
    }
}

template <class T, class F> T *guarded(const duet_device &d, char **error, F f) {
    const Team team(d.threads);
    return guarded<T>(error, f);
}

// prepared makes a kernel with f(kernel).
template <class F> duet_kernel *prepared(const duet_device &d, char **error, F f) {
    return guarded<duet_kernel>(d, error, [&] {
        Kernel k;
        f(k);
        return k;
    });
}

} // namespace duet
