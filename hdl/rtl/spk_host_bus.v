// SPDX-License-Identifier: Apache-2.0
// Host access to the core's memories, one halfword in three cycles while the core is idle.
// First cycle: the word's address goes to every memory. Second cycle: the halfword is picked, and
// a write stores the word with that halfword replaced, so no memory needs write masks. Third
// cycle: hb_ack_o with the data. hb_req_i is held until hb_ack_o; the access that stands there in
// the following cycle is a new one. Halfwords that do not exist read 0.
`default_nettype none

module spk_host_bus #(
    parameter integer N  = 256,  // neurons
    parameter integer L  = 8,    // lanes
    parameter integer VB = 18,   // bits of a state word
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
    input  wire [               2*VB+8-1:0] param_i,
    input  wire [               2*VB+8-1:0] state_i,
    input  wire [                     15:0] pop_i,
    input  wire [                     15:0] acc_i,
    input  wire [                     15:0] count_i,
    input  wire [            $clog2(N)-1:0] fired_i,
    input  wire [              $clog2(N):0] fired_count_i,
    // words to write
    output wire [                   WW-1:0] weight_o,
    output wire [BW + 2*GW + DW + SW + 1:0] seg_o,
    output wire [               2*VB+8-1:0] param_o,
    output wire [               2*VB+8-1:0] state_o,
    output wire [                     15:0] pop_o,
    output wire [                     15:0] data_o           // accumulators and counters
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
  wire [63:0] seg_view = {
    {(16 - SW) {1'b0}}, seg_i[2*GW+BW+DW+2+:SW], 10'd0, seg_i[2*GW+BW+DW+:2],
    {(4 - DW) {1'b0}}, seg_i[2*GW+BW+:DW], {(8 - GW) {1'b0}}, seg_i[GW+BW+:GW],
    {(8 - GW) {1'b0}}, seg_i[BW+:GW], {(16 - BW) {1'b0}}, seg_i[BW-1:0]
  };
  wire [63:0] param_view = {
    20'd0, param_i[2*VB+:8],
    {(18 - VB) {param_i[2*VB-1]}}, param_i[VB+:VB], {(18 - VB) {param_i[VB-1]}}, param_i[VB-1:0]
  };
  wire [63:0] state_view = {
    20'd0, state_i[2*VB+:8],
    {(18 - VB) {state_i[2*VB-1]}}, state_i[VB+:VB], {(18 - VB) {state_i[VB-1]}}, state_i[VB-1:0]
  };
  // What lies behind the end of the fired list is left over from earlier steps.
  wire [15:0] fired_view = ({{(15 - NW) {1'b0}}, fired_count_i} > addr) ?
                           {{(16 - NW) {1'b0}}, fired_i} : 16'd0;

  wire [3:0] weight_sub = hb_addr_i[3:0] & ~(4'hF << WA);
  wire [1:0] sub = hb_addr_i[1:0];

  always @(*) begin
    case ({4'd0, hb_win_i})
      SPK_WIN_WEIGHT: picked = weight_i[weight_sub*16+:16];
      SPK_WIN_SEG: picked = seg_view[sub*16+:16];
      SPK_WIN_PARAM: picked = param_view[sub*16+:16];
      SPK_WIN_STATE: picked = state_view[sub*16+:16];
      SPK_WIN_POP: picked = pop_i;
      SPK_WIN_ACC: picked = acc_i;
      SPK_WIN_COUNT: picked = count_i;
      SPK_WIN_FIRED: picked = fired_view;
      default: picked = 16'd0;
    endcase
  end

  // The words with one halfword replaced.
  reg [WW-1:0] weight_new;
  reg [63:0] seg_new, param_new, state_new;

  always @(*) begin
    for (k = 0; k < WH; k = k + 1) begin
      weight_new[k*16+:16] = (weight_sub == k[3:0]) ? data_o : weight_i[k*16+:16] & {16{~zero_i}};
    end
    for (k = 0; k < 4; k = k + 1) begin
      seg_new[k*16+:16]   = (sub == k[1:0]) ? data_o : seg_view[k*16+:16] & {16{~zero_i}};
      param_new[k*16+:16] = (sub == k[1:0]) ? data_o : param_view[k*16+:16] & {16{~zero_i}};
      state_new[k*16+:16] = (sub == k[1:0]) ? data_o : state_view[k*16+:16] & {16{~zero_i}};
    end
  end

  assign weight_o = weight_new;
  assign seg_o = {
    seg_new[SPK_SEG_NEXT_LSB+:SW], seg_new[SPK_SEG_MORE_LSB], seg_new[SPK_SEG_VALID_LSB],
    seg_new[SPK_SEG_DELAY_LSB+:DW], seg_new[SPK_SEG_COUNT_LSB+:GW],
    seg_new[SPK_SEG_FIRST_LSB+:GW], seg_new[SPK_SEG_BASE_LSB+:BW]
  };
  assign param_o = {
    param_new[SPK_PARAM_REFR_LEN_LSB+:8], param_new[SPK_PARAM_BIAS_LSB+:VB],
    param_new[SPK_PARAM_V_TH_LSB+:VB]
  };
  assign state_o = {
    state_new[SPK_STATE_REFR_LSB+:8], state_new[SPK_STATE_I_LSB+:VB],
    state_new[SPK_STATE_V_LSB+:VB]
  };
  // A population record is stored as it is, so the bits that do not exist are dropped here.
  reg [15:0] pop_mask;
  always @(*) begin
    case (hb_addr_i[3:0])
      4'd0, 4'd4, 4'd6, 4'd8, 4'd10: pop_mask = 16'hFFFF;
      4'd1: pop_mask = 16'h01F7;
      4'd2, 4'd3: pop_mask = 16'h1FFF;
      4'd5, 4'd7, 4'd9: pop_mask = 16'h0003;
      default: pop_mask = 16'h0000;
    endcase
  end

  assign pop_o      = data_o & pop_mask;
  assign data_o     = hb_wdata_i & {16{~zero_i}};
  assign addr_o     = addr;
  assign lane_o     = hb_addr_i[LW-1:0];
  assign write_o    = {15'd0, (state_q == DATA) & hb_we_i} << hb_win_i;
  assign hb_ack_o   = state_q == ACK;
  assign hb_rdata_o = rdata_q;

  // Fields narrower than their place drop what the host writes beside them.
  wire unused_bits = &{1'b0, hb_addr_i, seg_new, param_new, state_new};

endmodule

`default_nettype wire
