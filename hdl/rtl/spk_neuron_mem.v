// SPDX-License-Identifier: Apache-2.0
// Memories of the neuron phase: population records, constants, state, spike counters and the
// list of fired neurons. Each gives its word one cycle after the address. While updating_i (for
// counters and fired list: running_i) = 1 the engine addresses them; else the host or a clear
// does, with one address for all of them. A clear writes 0: the host's data are 0 while the core
// is busy. Content after power-up is undefined; reset does not touch it.
`default_nettype none

module spk_neuron_mem #(
    parameter integer N    = 256,  // neurons
    parameter integer NPOP = 16    // population records
) (
    input  wire                         clk,
    // who addresses the memories
    input  wire                         running_i,
    input  wire                         updating_i,
    // host and clear, see spk_host_bus; zero_i is the clear mask while zero_addr_i walks
    input  wire [                 15:0] addr_i,
    input  wire [                 15:0] write_i,
    input  wire [                  3:0] sub_i,
    input  wire [                 15:0] data_i,
    input  wire [                 15:0] pop_i,
    input  wire [                 15:0] zero_addr_i,
    input  wire [                 15:0] zero_i,
    // population records
    input  wire [$clog2(NPOP * 16)-1:0] pop_raddr_i,
    output wire [                 15:0] pop_rdata_o,
    // constants
    input  wire [        $clog2(N)-1:0] param_raddr_i,
    output wire [                 47:0] param_rdata_o,
    // state
    input  wire [        $clog2(N)-1:0] state_raddr_i,
    output wire [                 47:0] state_rdata_o,
    input  wire                         state_we_i,
    input  wire [        $clog2(N)-1:0] state_waddr_i,
    input  wire [                 47:0] state_wdata_i,
    // spike counters
    input  wire [        $clog2(N)-1:0] count_raddr_i,
    output wire [                 15:0] count_rdata_o,
    input  wire                         count_we_i,
    input  wire [        $clog2(N)-1:0] count_waddr_i,
    input  wire [                 15:0] count_wdata_i,
    // fired list
    input  wire [        $clog2(N)-1:0] fired_raddr_i,
    output wire [        $clog2(N)-1:0] fired_rdata_o,
    input  wire                         fired_we_i,
    input  wire [        $clog2(N)-1:0] fired_waddr_i,
    input  wire [        $clog2(N)-1:0] fired_wdata_i
);

  `include "spk_core_defs.vh"

  localparam integer NW = $clog2(N);
  localparam integer POP_WORDS = NPOP * SPK_STRIDE_POP;
  localparam integer PW = $clog2(POP_WORDS);
  localparam integer WORD_BITS = 48;  // that exist of a parameter and of a state entry

  wire [16:0] zero_from = {1'b0, zero_addr_i};
  wire in_neurons = zero_from < N[16:0];
  wire zero_state = zero_i[SPK_CLEAR_STATE_BIT] & in_neurons;
  wire zero_params = zero_i[SPK_CLEAR_TABLES_BIT] & in_neurons;
  wire zero_pops = zero_i[SPK_CLEAR_TABLES_BIT] & (zero_from < POP_WORDS[16:0]);
  wire zero_count = zero_i[SPK_CLEAR_COUNTS_BIT] & in_neurons;
  wire [15:0] sub_enable = 16'd1 << sub_i;
  wire unused_bits = &{1'b0, addr_i, sub_enable, write_i, zero_i};

  wire [2:0] param_we = {3{zero_params}} |
                        (sub_enable[2:0] & {3{write_i[SPK_WIN_PARAM[3:0]]}});
  wire [2:0] state_we = {3{state_we_i | zero_state}} |
                        (sub_enable[2:0] & {3{write_i[SPK_WIN_STATE[3:0]]}});
  // The third halfword of an entry has 12 bits.
  wire [WORD_BITS-1:0] host_word = {4'd0, data_i[11:0], data_i, data_i};

  spk_mem_1r1w #(.WIDTH(16), .DEPTH(POP_WORDS)) u_pop (
      .clk    (clk),
      .we_i   (write_i[SPK_WIN_POP[3:0]] | zero_pops),
      .waddr_i(addr_i[PW-1:0]),
      .wdata_i(pop_i),
      .re_i   (1'b1),
      .raddr_i(updating_i ? pop_raddr_i : addr_i[PW-1:0]),
      .rdata_o(pop_rdata_o)
  );

  spk_mem_1r1w #(.WIDTH(WORD_BITS), .DEPTH(N), .CHUNK(16)) u_param (
      .clk    (clk),
      .we_i   (param_we),
      .waddr_i(addr_i[NW-1:0]),
      .wdata_i(host_word),
      .re_i   (1'b1),
      .raddr_i(updating_i ? param_raddr_i : addr_i[NW-1:0]),
      .rdata_o(param_rdata_o)
  );

  spk_mem_1r1w #(.WIDTH(WORD_BITS), .DEPTH(N), .CHUNK(16)) u_state (
      .clk    (clk),
      .we_i   (state_we),
      .waddr_i(updating_i ? state_waddr_i : addr_i[NW-1:0]),
      .wdata_i(updating_i ? state_wdata_i : host_word),
      .re_i   (1'b1),
      .raddr_i(updating_i ? state_raddr_i : addr_i[NW-1:0]),
      .rdata_o(state_rdata_o)
  );

  spk_mem_1r1w #(.WIDTH(16), .DEPTH(N)) u_count (
      .clk    (clk),
      .we_i   (count_we_i | write_i[SPK_WIN_COUNT[3:0]] | zero_count),
      .waddr_i(running_i ? count_waddr_i : addr_i[NW-1:0]),
      .wdata_i(running_i ? count_wdata_i : data_i),
      .re_i   (1'b1),
      .raddr_i(running_i ? count_raddr_i : addr_i[NW-1:0]),
      .rdata_o(count_rdata_o)
  );

  spk_mem_1r1w #(.WIDTH(NW), .DEPTH(N)) u_fired (
      .clk    (clk),
      .we_i   (fired_we_i),
      .waddr_i(fired_waddr_i),
      .wdata_i(fired_wdata_i),
      .re_i   (1'b1),
      .raddr_i(running_i ? fired_raddr_i : addr_i[NW-1:0]),
      .rdata_o(fired_rdata_o)
  );

endmodule

`default_nettype wire
