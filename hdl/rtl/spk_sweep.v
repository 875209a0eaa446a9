// SPDX-License-Identifier: Apache-2.0
// Phases "latch" and "deliver" of a step: takes the sources of the step one by one, first the
// event queue, then the fired list, and issues one group of weights per cycle for each segment
// of a source's row.
// start_i also takes the marker of this step off the event queue. Every source costs 2 cycles
// (ask for its table entry, look at it), every segment 1 and every group 1; one last cycle finds
// the list empty and raises done_o. The cycle before each segment's first group fetches the next
// segment of the row, and it keeps the read of an accumulator behind the write of the same
// accumulator by the segment before.
`default_nettype none

module spk_sweep #(
    parameter integer N  = 256,  // neurons
    parameter integer A  = 256,  // axons
    parameter integer BW = 14,   // bits of a weight word's address
    parameter integer GW = 5,    // bits of a group number
    parameter integer DW = 3,    // bits of a delay slot
    parameter integer SW = 9     // bits of a segment's index
) (
    input  wire                 clk,
    input  wire                 rst,
    // step
    input  wire                 start_i,
    input  wire [         14:0] step_i,         // low bits of the step, for the marker
    input  wire [       DW-1:0] slot_i,         // delay slot of this step
    output wire                 busy_o,
    output wire                 done_o,         // last cycle of the sweep
    output wire                 chain_cut_o,    // pulse: a chain longer than MAX_CHAIN
    // event queue
    input  wire [         15:0] ev_tdata_i,
    input  wire                 ev_tvalid_i,
    output wire                 ev_tready_o,
    // fired list
    output wire [$clog2(N)-1:0] fired_raddr_o,
    input  wire [$clog2(N)-1:0] fired_rdata_i,
    input  wire [  $clog2(N):0] fired_count_i,
    // segment table, entry one cycle after its address
    output wire [       SW-1:0] seg_raddr_o,
    input  wire [       BW-1:0] seg_base_i,
    input  wire [       GW-1:0] seg_first_i,
    input  wire [       GW-1:0] seg_count_i,
    input  wire [       DW-1:0] seg_delay_i,
    input  wire                 seg_valid_i,
    input  wire                 seg_more_i,
    input  wire [       SW-1:0] seg_next_i,
    // one group: read in this cycle, add and write back in the next
    output wire                 issue_o,
    output wire                 add_o,
    output wire [       BW-1:0] weight_addr_o,
    output wire [       DW-1:0] acc_slot_o,
    output wire [       GW-1:0] acc_group_o
);

  `include "spk_core_defs.vh"

  localparam integer NW = $clog2(N);
  localparam integer CW = $clog2(SPK_MAX_CHAIN);

  localparam [2:0] IDLE = 3'd0;
  localparam [2:0] SOURCE = 3'd1;
  localparam [2:0] DECODE = 3'd2;
  localparam [2:0] LINK = 3'd3;
  localparam [2:0] ISSUE = 3'd4;

  reg [2:0] state_q;
  reg [NW:0] fired_ptr_q;
  reg [BW-1:0] weight_q;
  reg [GW-1:0] group_q;
  reg [GW-1:0] left_q;
  reg [DW-1:0] slot_q;
  reg more_q;
  reg [SW-1:0] next_q;
  reg [CW-1:0] chain_q;  // segments of this row visited before the present one
  reg add_q;

  wire event_ready = ev_tvalid_i & ~ev_tdata_i[SPK_MARKER_BIT];
  wire marker_here = ev_tvalid_i & ev_tdata_i[SPK_MARKER_BIT] & (ev_tdata_i[14:0] == step_i);
  wire fired_ready = fired_ptr_q != fired_count_i;
  wire source_here = event_ready | fired_ready;
  wire [15:0] fired_source = A[15:0] + {{(16 - NW) {1'b0}}, fired_rdata_i};
  wire [15:0] source = event_ready ? ev_tdata_i : fired_source;

  wire last_group = (state_q == ISSUE) & ~(|left_q);
  wire chain_full = &chain_q;
  wire follow = last_group & more_q & ~chain_full;
  wire load = (state_q == DECODE) | follow;

  always @(posedge clk) begin
    case (state_q)
      IDLE: if (start_i) state_q <= SOURCE;
      SOURCE: state_q <= source_here ? DECODE : IDLE;
      DECODE: state_q <= seg_valid_i ? LINK : SOURCE;
      LINK: state_q <= ISSUE;
      ISSUE: if (last_group) state_q <= follow ? LINK : SOURCE;
      default: state_q <= IDLE;
    endcase
    add_q <= state_q == ISSUE;
    // At rest the pointer is 0, so the first neuron is at hand when the next sweep starts.
    if (state_q == IDLE) fired_ptr_q <= {(NW + 1) {1'b0}};
    else if ((state_q == SOURCE) & ~event_ready & fired_ready) begin
      fired_ptr_q <= fired_ptr_q + {{NW{1'b0}}, 1'b1};
    end
    if (rst) begin
      state_q     <= IDLE;
      add_q       <= 1'b0;
      fired_ptr_q <= {(NW + 1) {1'b0}};
    end
  end

  always @(posedge clk) begin
    if (load) begin
      weight_q <= seg_base_i;
      group_q  <= seg_first_i;
      left_q   <= seg_count_i;
      slot_q   <= slot_i + seg_delay_i;
      more_q   <= seg_more_i;
      next_q   <= seg_next_i;
      chain_q  <= (state_q == DECODE) ? {CW{1'b0}} : chain_q + {{(CW - 1) {1'b0}}, 1'b1};
    end else if (state_q == ISSUE) begin
      weight_q <= weight_q + {{(BW - 1) {1'b0}}, 1'b1};
      group_q  <= group_q + {{(GW - 1) {1'b0}}, 1'b1};
      left_q   <= left_q - {{(GW - 1) {1'b0}}, 1'b1};
    end
  end

  assign busy_o        = state_q != IDLE;
  assign done_o        = (state_q == SOURCE) & ~source_here;
  assign chain_cut_o   = last_group & more_q & chain_full;
  assign ev_tready_o   = (start_i & marker_here) | ((state_q == SOURCE) & event_ready);
  assign fired_raddr_o = fired_ptr_q[NW-1:0];
  assign seg_raddr_o   = (state_q == SOURCE) ? source[SW-1:0] : next_q;
  assign issue_o       = state_q == ISSUE;
  assign add_o         = add_q;
  assign weight_addr_o = weight_q;
  assign acc_slot_o    = slot_q;
  assign acc_group_o   = group_q;

  wire unused_source = &{1'b0, source};

endmodule

`default_nettype wire
