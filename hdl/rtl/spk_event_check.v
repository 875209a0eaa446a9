// SPDX-License-Identifier: Apache-2.0
// Order, range and room of input events (EVENTS in docs/design/link.md).
// Steps are kept as distance from next_step_i, so a step that starts lowers what is remembered of
// the queue's last event, and the horizon bounds it. begin_i starts a pass over a frame; accept_i
// takes word_i as an event of the step at the signed distance_i. refuse_o is the verdict on word_i,
// an event or an advance: a status, 0 when it passes. keep_i makes the pass's last event the
// queue's; forget_i: the queue is empty. next_step_i holds during a pass.
`default_nettype none

module spk_event_check #(
  parameter integer A = 256  // axons, 1 to 1024
) (
  input  wire        clk,
  input  wire        rst,
  input  wire [14:0] next_step_i,
  // control
  input  wire        begin_i,
  input  wire [32:0] distance_i,
  input  wire [15:0] word_i,
  input  wire        accept_i,
  input  wire        keep_i,
  input  wire        forget_i,
  // verdict on word_i, and what queuing it takes
  output reg  [ 3:0] refuse_o,
  output wire        beyond_o,
  output wire        new_step_o,
  output wire [14:0] marker_o,
  output wire [ 7:0] need_o
);

  `include "spk_core_defs.vh"

  localparam [14:0] AXONS = A[14:0];

  reg         parity_q;       // of next_step_i: a change means that a step has started
  reg  [15:0] queued_q;       // the same of the queue's last event; bit 15: there is none
  reg  [ 9:0] queued_axon_q;
  reg  [15:0] last_q;         // the same two as the pass goes on
  reg  [ 9:0] last_axon_q;
  reg  [ 7:0] need_q;

  wire        in_past = distance_i[32];
  wire        beyond = !in_past && distance_i[31:15] != 17'd0;
  wire        after_last = last_q[15] || beyond || distance_i[14:0] > last_q[14:0];
  wire        same = !last_q[15] && !beyond && distance_i[14:0] == last_q[14:0];

  wire [14:0] axon = word_i[14:0];
  wire        ascending = after_last || (same && axon > {5'd0, last_axon_q});

  always @* begin
    refuse_o = SPK_ST_OK[3:0];
    if (word_i[SPK_MARKER_BIT]) begin
      if (axon == 15'd0) refuse_o = SPK_ST_BAD_VALUE[3:0];
    end else if (in_past) refuse_o = SPK_ST_EVENT_PAST[3:0];
    else if (!ascending) refuse_o = SPK_ST_EVENT_ORDER[3:0];
    else if (beyond || axon >= AXONS) refuse_o = SPK_ST_EVENT_RANGE[3:0];
  end

  always @(posedge clk) begin
    parity_q <= next_step_i[0];
    if (rst || forget_i) queued_q <= 16'hffff;
    else if (keep_i) queued_q <= last_q;
    else if (parity_q != next_step_i[0] && !queued_q[15]) queued_q <= queued_q - 16'd1;
    if (keep_i) queued_axon_q <= last_axon_q;
  end

  always @(posedge clk) begin
    if (begin_i) begin
      last_q <= queued_q;
      last_axon_q <= queued_axon_q;
      need_q <= 8'd0;
    end else if (accept_i) begin
      last_q <= {1'b0, distance_i[14:0]};
      last_axon_q <= word_i[9:0];
      need_q <= need_q + (same ? 8'd1 : 8'd2);
    end
  end

  // Beyond the horizon every event is refused, so the distance need not grow (nor wrap).
  assign beyond_o = beyond;
  assign new_step_o = !same;
  assign marker_o = next_step_i[14:0] + distance_i[14:0];
  assign need_o = need_q;

endmodule

`default_nettype wire
