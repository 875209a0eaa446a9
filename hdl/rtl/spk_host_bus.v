// SPDX-License-Identifier: Apache-2.0
// Host access to the core's memories, one halfword in three cycles while the core is idle.
// First cycle: the word's address goes to every memory. Second cycle: the halfword is picked,
// and a write replaces it. Third cycle: hb_ack_o with the halfword that was there. hb_req_i is
// held until hb_ack_o; the access that stands there in the following cycle is a new one.
// Halfwords that do not exist read 0.
`default_nettype none

module spk_host_bus #(
    parameter integer N  = 256,  // neurons
    parameter integer L  = 8,    // lanes
    parameter integer WW = 64,   // bits of a weight word, 16 to 256
    parameter integer BW = 14,   // bits of a weight word's address
    parameter integer GW = 5,    // bits of a group's number
    parameter integer DW = 3,    // bits of a delay slot
    parameter integer SW = 9     // bits of a segment's index
) (
    input  wire                 clk,
    input  wire                 rst,
    // host
    input  wire                 hb_req_i,
    input  wire                 hb_we_i,
    input  wire [          3:0] hb_win_i,
    input  wire [         23:0] hb_addr_i,
    input  wire [         15:0] hb_wdata_i,
    output wire                 hb_ack_o,
    output wire [         15:0] hb_rdata_o,
    // address of the word, and the write strobe of each window (bit = window code)
    output wire [         15:0] addr_o,
    output wire [$clog2(L)-1:0] lane_o,
    output wire [         15:0] write_o,
    // present words as they are stored; zero_i turns what is written into 0
    input  wire                             zero_i,
    input  wire [                   WW-1:0] weight_i,
    input  wire [BW + 2*GW + DW + SW + 1:0] seg_i,
    input  wire [                     47:0] param_i,
    input  wire [                     47:0] state_i,
    input  wire [                     15:0] pop_i,
    input  wire [                     15:0] acc_i,
    input  wire [                     15:0] count_i,
    input  wire [            $clog2(N)-1:0] fired_i,
    input  wire [              $clog2(N):0] fired_count_i,
    // what to write: the segment's new entry, or a halfword for the one that sub_o names
    output wire [                      3:0] sub_o,
    output wire [BW + 2*GW + DW + SW + 1:0] seg_o,
    output wire [                     15:0] pop_o,
    output wire [                     15:0] data_o
);

  `include "spk_core_defs.vh"

  localparam integer WH = WW / 16;  // halfwords of a weight word
  localparam integer WA = $clog2(WH);
  localparam integer LW = $clog2(L);
  localparam integer NW = $clog2(N);

  localparam [1:0] IDLE = 2'd0;
  localparam [1:0] DATA = 2'd1;
  localparam [1:0] ACK = 2'd2;

  reg [1:0] state_q;
  reg [15:0] rdata_q;
  reg [15:0] picked;
  reg [15:0] addr;
  integer k;

  always @(posedge clk) begin
    case (state_q)
      IDLE: if (hb_req_i) state_q <= DATA;
      DATA: state_q <= ACK;
      default: state_q <= IDLE;
    endcase
    if (rst) state_q <= IDLE;
    rdata_q <= picked;
  end

  always @(*) begin
    case ({4'd0, hb_win_i})
      SPK_WIN_WEIGHT: addr = hb_addr_i[WA+:16];
      SPK_WIN_SEG, SPK_WIN_PARAM, SPK_WIN_STATE: addr = hb_addr_i[2+:16];
      SPK_WIN_ACC: addr = hb_addr_i[LW+:16];
      default: addr = hb_addr_i[15:0];
    endcase
  end

  // Every field in its place of a 64-bit entry, state words sign-extended to their field.
  reg [63:0] seg_view;
  always @(*) begin
    seg_view = 64'd0;
    {
      seg_view[SPK_SEG_NEXT_LSB+:SW], seg_view[SPK_SEG_MORE_LSB], seg_view[SPK_SEG_VALID_LSB],
      seg_view[SPK_SEG_DELAY_LSB+:DW], seg_view[SPK_SEG_COUNT_LSB+:GW],
      seg_view[SPK_SEG_FIRST_LSB+:GW], seg_view[SPK_SEG_BASE_LSB+:BW]
    } = seg_i;
  end

  // What lies behind the end of the fired list is left over from earlier steps.
  wire [15:0] fired_view = ({{(15 - NW) {1'b0}}, fired_count_i} > addr) ?
                           {{(16 - NW) {1'b0}}, fired_i} : 16'd0;

  // Halfword within the entry; weight words have 1 to 16 of them.
  wire [1:0] sub = hb_addr_i[1:0];
  wire [3:0] weight_sub = hb_addr_i[3:0] & ~(4'hF << WA);
  wire [3:0] window = hb_win_i;
  wire on_weight = window == SPK_WIN_WEIGHT[3:0];
  wire on_seg = window == SPK_WIN_SEG[3:0];
  wire on_param = window == SPK_WIN_PARAM[3:0];
  wire on_state = window == SPK_WIN_STATE[3:0];

  // One select line per source: AND and OR take fewer LUTs than a tree of multiplexers.
  always @(*) begin
    picked = (pop_i & {16{window == SPK_WIN_POP[3:0]}}) |
             (acc_i & {16{window == SPK_WIN_ACC[3:0]}}) |
             (count_i & {16{window == SPK_WIN_COUNT[3:0]}}) |
             (fired_view & {16{window == SPK_WIN_FIRED[3:0]}});
    for (k = 0; k < WH; k = k + 1) begin
      picked = picked | (weight_i[k*16+:16] & {16{on_weight & (weight_sub == k[3:0])}});
    end
    for (k = 0; k < 4; k = k + 1) begin
      picked = picked | (seg_view[k*16+:16] & {16{on_seg & (sub == k[1:0])}});
    end
    for (k = 0; k < 3; k = k + 1) begin
      picked = picked | (param_i[k*16+:16] & {16{on_param & (sub == k[1:0])}}) |
               (state_i[k*16+:16] & {16{on_state & (sub == k[1:0])}});
    end
  end

  // A segment's entry is packed too tightly for write enables: the halfword is replaced here.
  reg [63:0] seg_new;

  always @(*) begin
    for (k = 0; k < 4; k = k + 1) begin
      seg_new[k*16+:16] = (sub == k[1:0]) ? data_o : seg_view[k*16+:16] & {16{~zero_i}};
    end
  end

  assign seg_o = {
    seg_new[SPK_SEG_NEXT_LSB+:SW], seg_new[SPK_SEG_MORE_LSB], seg_new[SPK_SEG_VALID_LSB],
    seg_new[SPK_SEG_DELAY_LSB+:DW], seg_new[SPK_SEG_COUNT_LSB+:GW],
    seg_new[SPK_SEG_FIRST_LSB+:GW], seg_new[SPK_SEG_BASE_LSB+:BW]
  };
  // A population record is stored as it is; the bits that do not exist are dropped here.
  wire [15:0] pop_mask = SPK_POP_BITS[{hb_addr_i[3:0], 4'd0}+:16];

  assign sub_o      = on_weight ? weight_sub : {2'd0, sub};
  assign pop_o      = data_o & pop_mask;
  assign data_o     = hb_wdata_i & {16{~zero_i}};
  assign addr_o     = addr;
  assign lane_o     = hb_addr_i[LW-1:0];
  assign write_o    = {15'd0, (state_q == DATA) & hb_we_i} << hb_win_i;
  assign hb_ack_o   = state_q == ACK;
  assign hb_rdata_o = rdata_q;

  // Fields narrower than their place drop what the host writes beside them.
  wire unused_bits = &{1'b0, hb_addr_i, seg_new};

endmodule

`default_nettype wire
