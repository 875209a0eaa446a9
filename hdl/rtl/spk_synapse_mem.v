// SPDX-License-Identifier: Apache-2.0
// Memories of the sweep: weight words, segments, and the accumulators with their adders, one bank
// per lane. Each gives its word one cycle after the address. While sweeping_i or updating_i = 1
// the engine addresses them; else no step is at work and the host or a clear does, with one
// address for all of them. A clear writes 0: the host's data are 0 while the core is busy.
// Content after power-up is undefined; reset does not touch it.
`default_nettype none

module spk_synapse_mem #(
    parameter integer N      = 256,       // neurons
    parameter integer L      = 8,         // lanes
    parameter integer WB     = 8,         // bits of a weight
    parameter integer AB     = 16,        // bits of an accumulator
    parameter integer D      = 8,         // delay slots
    parameter integer NSEG   = 512,       // segments
    parameter integer WWORDS = 16384,     // weight words
    parameter integer BW     = 14,        // bits of a weight word's address
    parameter integer GW     = 5,         // bits of a group's number
    parameter integer DW     = 3,         // bits of a delay slot
    parameter integer SW     = 9,         // bits of a segment's index
    parameter         TARGET = "generic"  // RAM style, see spk_mem_weight
) (
    input  wire                             clk,
    // who addresses the memories
    input  wire                             running_i,
    input  wire                             sweeping_i,
    input  wire                             updating_i,
    // host and clear, see spk_host_bus; zero_i is the clear mask while zero_addr_i walks
    input  wire [                     15:0] addr_i,
    input  wire [            $clog2(L)-1:0] lane_i,
    input  wire [                     15:0] write_i,
    input  wire [                      3:0] sub_i,
    input  wire [                     15:0] data_i,
    input  wire [BW + 2*GW + DW + SW + 1:0] seg_i,
    input  wire [                     15:0] zero_addr_i,
    input  wire [                     15:0] zero_i,
    // segments
    input  wire [                   SW-1:0] seg_raddr_i,
    output wire [BW + 2*GW + DW + SW + 1:0] seg_rdata_o,
    // one group of a sweep: read with issue_i, add and write back with add_i
    input  wire                             issue_i,
    input  wire                             add_i,
    input  wire [                   BW-1:0] weight_addr_i,
    input  wire [                DW+GW-1:0] acc_addr_i,
    output wire [                 L*WB-1:0] weight_rdata_o,
    // input of one neuron: lane of the update in the cycle of the address
    input  wire [            $clog2(L)-1:0] update_lane_i,
    input  wire                             acc_clear_i,
    output wire [                   AB-1:0] acc_rdata_o
);

  `include "spk_core_defs.vh"

  localparam integer LW = $clog2(L);
  localparam integer WW = L * WB;
  localparam integer WH = WW / 16;  // halfwords of a weight word
  localparam integer SEG_BITS = BW + 2 * GW + DW + 2 + SW;
  localparam integer ACC_WORDS = (N / L) * D;
  localparam integer CW = $clog2(ACC_WORDS);

  wire [16:0] zero_from = {1'b0, zero_addr_i};
  wire [15:0] sub_enable = 16'd1 << sub_i;
  wire unused_bits = &{1'b0, addr_i, acc_addr_i, sub_enable, write_i, zero_i};

  // ---------------------------------------------------------------------------------------------
  // Weights and segments

  wire [WH-1:0] weight_we = {WH{zero_i[SPK_CLEAR_WEIGHTS_BIT] & (zero_from < WWORDS[16:0])}} |
                            (sub_enable[WH-1:0] & {WH{write_i[SPK_WIN_WEIGHT[3:0]]}});

  spk_mem_weight #(.WIDTH(WW), .DEPTH(WWORDS), .TARGET(TARGET)) u_weight (
      .clk    (clk),
      .en_i   (issue_i | ~running_i),
      .we_i   (weight_we),
      .addr_i (sweeping_i ? weight_addr_i : addr_i[BW-1:0]),
      .wdata_i({WH{data_i}}),
      .rdata_o(weight_rdata_o)
  );

  spk_mem_1r1w #(.WIDTH(SEG_BITS), .DEPTH(NSEG)) u_seg (
      .clk    (clk),
      .we_i   (write_i[SPK_WIN_SEG[3:0]] |
               (zero_i[SPK_CLEAR_TABLES_BIT] & (zero_from < NSEG[16:0]))),
      .waddr_i(addr_i[SW-1:0]),
      .wdata_i(seg_i),
      .re_i   (1'b1),
      .raddr_i(sweeping_i ? seg_raddr_i : addr_i[SW-1:0]),
      .rdata_o(seg_rdata_o)
  );

  // ---------------------------------------------------------------------------------------------
  // Accumulators: the write follows the read of the same word by one cycle. It is the sum of a
  // sweep, 0 after an update or in a clear, or the host's halfword.

  reg [CW-1:0] acc_waddr_q;
  reg [LW-1:0] lane_q;
  reg acc_zero_q;
  wire [CW-1:0] acc_raddr = (sweeping_i | updating_i) ? acc_addr_i[CW-1:0] : addr_i[CW-1:0];
  wire [L*AB-1:0] acc_words;

  always @(posedge clk) begin
    acc_waddr_q <= acc_raddr;
    acc_zero_q  <= zero_i[SPK_CLEAR_STATE_BIT] & (zero_from < ACC_WORDS[16:0]);
    lane_q      <= updating_i ? update_lane_i : lane_i;
  end

  assign acc_rdata_o = acc_words[lane_q*AB+:AB];

  genvar l;
  generate
    for (l = 0; l < L; l = l + 1) begin : g_bank
      wire [AB-1:0] updated;
      wire here = write_i[SPK_WIN_ACC[3:0]] & (lane_q == l[LW-1:0]);

      spk_acc_update #(.WIDTH(AB)) u_update (
          .add_i  (add_i),
          .a_i    (acc_words[l*AB+:AB]),
          .b_i    ({{(AB - WB) {weight_rdata_o[l*WB+WB-1]}}, weight_rdata_o[l*WB+:WB]}),
          .other_i(data_i),
          .y_o    (updated)
      );

      spk_mem_1r1w #(.WIDTH(AB), .DEPTH(ACC_WORDS)) u_acc (
          .clk    (clk),
          .we_i   (add_i | acc_clear_i | acc_zero_q | here),
          .waddr_i(acc_waddr_q),
          .wdata_i(updated),
          .re_i   (1'b1),
          .raddr_i(acc_raddr),
          .rdata_o(acc_words[l*AB+:AB])
      );
    end
  endgenerate

endmodule

`default_nettype wire
