// SPDX-License-Identifier: Apache-2.0
// C ABI of the Verilated device: clocks, line bytes or line bits, memories.
// spikesim/hw/rtl/model.py declares the same functions; spk_memories.inc is written by the build.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "Vspk.h"
#include "Vspk___024root.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {

struct Memory {
  const char *name;
  const void *data;
  uint32_t entry_bytes;
  uint32_t depth;
};

// One direction of a serial line, in clocks. Bits are timed in 1/65536 clock.
struct Line {
  uint64_t bit_time = 0;
  uint64_t wait = 0;
  uint32_t shift = 0;
  int bits = 0;
};

constexpr uint64_t kOneClock = 1u << 16;
// The link answers nothing for this long after its last frame: it is idle.
constexpr int kQuietClocks = 64;

struct Sim {
  VerilatedContext context;
  std::unique_ptr<Vspk> top;
  std::vector<Memory> memories;
  std::deque<uint8_t> in;
  std::vector<uint8_t> out;
  uint64_t clocks = 0;
  uint64_t delimiters = 0;
  uint64_t break_bits = 0;
  uint64_t bad_stop_bits = 0;
  bool break_pulse = false;
  int quiet = 0;
  Line to_device;
  Line from_device;

  void send(uint8_t byte) {
    out.push_back(byte);
    if (byte == 0) ++delimiters;
  }

  // Next value of the line towards the device: start bit, eight data bits, stop bit.
  void drive_line() {
    Line &line = to_device;
    if (line.wait >= kOneClock) {
      line.wait -= kOneClock;
      return;
    }
    if (line.bits > 0) {
      top->rxd_i = line.shift & 1u;
      line.shift >>= 1;
      --line.bits;
    } else if (break_bits > 0) {
      top->rxd_i = 0;
      if (--break_bits == 0) {
        line.shift = 0x3;  // the line rests before the next byte
        line.bits = 2;
      }
    } else if (!in.empty()) {
      line.shift = (uint32_t{in.front()} | 0x100u);
      in.pop_front();
      line.bits = 9;
      top->rxd_i = 0;
    } else {
      top->rxd_i = 1;
      return;
    }
    line.wait += line.bit_time - kOneClock;
  }

  // Sample the line from the device in the middle of each bit.
  void sample_line() {
    Line &line = from_device;
    if (line.bits == 0) {
      if (top->txd_o) return;
      line.bits = 10;
      line.shift = 0;
      line.wait = line.bit_time / 2;
      return;
    }
    if (line.wait >= kOneClock) {
      line.wait -= kOneClock;
      return;
    }
    line.wait += line.bit_time - kOneClock;
    --line.bits;
    if (line.bits == 9) {
      if (top->txd_o) line.bits = 0;  // no start bit after all
    } else if (line.bits > 0) {
      line.shift = line.shift >> 1 | (top->txd_o ? 0x80u : 0u);
    } else if (top->txd_o) {
      send(static_cast<uint8_t>(line.shift));
    } else {
      ++bad_stop_bits;
    }
  }

  void clock() {
    Vspk &t = *top;
    const bool bypass = t.bypass_i;
    if (bypass) {
      t.s_axis_tvalid = !in.empty();
      if (!in.empty()) t.s_axis_tdata = in.front();
      t.break_i = break_pulse;
      break_pulse = false;
    } else {
      drive_line();
    }
    t.clk = 0;
    t.eval();
    if (bypass) {
      if (t.s_axis_tvalid && t.s_axis_tready && !t.break_i) in.pop_front();
      if (t.m_axis_tvalid) send(t.m_axis_tdata);
    } else {
      sample_line();
    }
    t.clk = 1;
    t.eval();
    ++clocks;
    const bool busy = !t.dbg_link_idle_o || !in.empty() || break_bits > 0 ||
                      to_device.bits > 0 || from_device.bits > 0;
    quiet = busy ? 0 : quiet + 1;
  }

  bool line_idle() const {
    // In bit mode the device's receiver still holds the last stop bit for a while.
    const int needed = top->bypass_i ? kQuietClocks : kQuietClocks + int(to_device.bit_time >> 14);
    return quiet >= needed;
  }
};

Sim *sim(void *handle) { return static_cast<Sim *>(handle); }

}  // namespace

#define SPK_API extern "C" __attribute__((visibility("default")))

SPK_API void *spk_new(uint32_t seed) {
  Sim *s = new Sim;
  // Power-up content is random: what reset does not set must not matter.
  s->context.threads(1);  // no worker thread per model
  s->context.randReset(2);
  s->context.randSeed(static_cast<int>(seed));
  s->top.reset(new Vspk(&s->context, ""));
  const Vspk___024root &root = *s->top->rootp;
  (void)root;
#define SPK_MEMORY(name, member) \
  s->memories.push_back({name, &root.member[0], sizeof(root.member[0]), \
                         static_cast<uint32_t>(sizeof(root.member) / sizeof(root.member[0]))});
#include "spk_memories.inc"
#undef SPK_MEMORY
  s->top->bypass_i = 1;
  s->top->m_axis_tready = 1;
  s->top->rxd_i = 1;
  return s;
}

SPK_API void spk_free(void *h) {
  // Verilated destructors work on the thread's current context, which may be another model's
  // and freed already.
  Verilated::threadContextp(&sim(h)->context);
  sim(h)->top->final();
  delete sim(h);
}

SPK_API void spk_reset(void *h) {
  Sim *s = sim(h);
  s->in.clear();
  s->out.clear();
  s->delimiters = s->break_bits = 0;
  s->to_device.bits = s->from_device.bits = 0;
  s->top->rst = 1;
  for (int k = 0; k < 4; ++k) s->clock();
  s->top->rst = 0;
  s->out.clear();
  s->delimiters = 0;
}

SPK_API void spk_line(void *h, int bit_level, uint64_t to_device, uint64_t from_device) {
  Sim *s = sim(h);
  s->top->bypass_i = !bit_level;
  s->to_device.bit_time = to_device;
  s->from_device.bit_time = from_device;
}

SPK_API void spk_push(void *h, const uint8_t *data, uint64_t n) {
  sim(h)->in.insert(sim(h)->in.end(), data, data + n);
  sim(h)->quiet = 0;
}

SPK_API uint64_t spk_pull(void *h, uint8_t *data, uint64_t room) {
  Sim *s = sim(h);
  const uint64_t n = s->out.size() < room ? s->out.size() : room;
  std::memcpy(data, s->out.data(), n);
  s->out.erase(s->out.begin(), s->out.begin() + static_cast<std::ptrdiff_t>(n));
  return n;
}

SPK_API uint64_t spk_pending(void *h) { return sim(h)->in.size(); }

// In byte mode the break comes after the bytes handed over so far have been dropped or taken.
SPK_API void spk_break(void *h, uint64_t bits) {
  Sim *s = sim(h);
  s->quiet = 0;
  if (s->top->bypass_i) {
    s->break_pulse = true;
  } else {
    s->break_bits = bits;
  }
}

SPK_API void spk_run(void *h, uint64_t clocks) {
  for (uint64_t k = 0; k < clocks; ++k) sim(h)->clock();
}

// Run until that many delimiters in all have come out, or the link is idle and (if asked) the core
// too, or the clocks are used up; gives the clocks run.
SPK_API uint64_t spk_run_until(void *h, uint64_t delimiters, int core_idle, uint64_t most) {
  Sim *s = sim(h);
  const uint64_t begin = s->clocks;
  while (s->clocks - begin < most && s->delimiters < delimiters) {
    // A stalled core waits for the host to take spikes: clocks alone change nothing.
    const bool working = s->top->dbg_busy_o && !s->top->dbg_stalled_o;
    if (s->line_idle() && !(core_idle && working)) break;
    s->clock();
  }
  return s->clocks - begin;
}

SPK_API uint64_t spk_delimiters(void *h) { return sim(h)->delimiters; }
SPK_API uint64_t spk_clocks(void *h) { return sim(h)->clocks; }
SPK_API int spk_line_idle(void *h) { return sim(h)->line_idle(); }

SPK_API void spk_signals(void *h, uint64_t *values) {
  const Vspk &t = *sim(h)->top;
  const uint64_t all[] = {t.dbg_busy_o,         t.dbg_stalled_o,      t.dbg_chain_o,
                          t.dbg_step_o,         t.dbg_last_cycles_o,  t.dbg_total_cycles_o,
                          t.dbg_fired_count_o,  t.dbg_ev_level_o,     t.dbg_ev_write_o,
                          t.dbg_spk_level_o,    t.dbg_spk_write_o};
  std::memcpy(values, all, sizeof(all));
}

SPK_API uint32_t spk_memory_count(void *h) {
  return static_cast<uint32_t>(sim(h)->memories.size());
}
SPK_API const char *spk_memory_name(void *h, uint32_t k) { return sim(h)->memories[k].name; }
SPK_API uint32_t spk_memory_entry(void *h, uint32_t k) { return sim(h)->memories[k].entry_bytes; }
SPK_API uint32_t spk_memory_depth(void *h, uint32_t k) { return sim(h)->memories[k].depth; }
SPK_API const void *spk_memory_data(void *h, uint32_t k) { return sim(h)->memories[k].data; }
