// SPDX-License-Identifier: Apache-2.0
// Phase "record": fired list for the next step, saturating spike counters, spike queue.
// A spike enters with its neuron's index; the list is written in that cycle, the counter and the
// queue in the next one. The marker of the step goes into the queue one cycle ahead of the first
// recorded spike, so a spike in every cycle is accepted. begin_i (before the first neuron of a
// step) and clear_i empty the list. The queue must have room for a marker and N spikes.
`default_nettype none

module spk_spike_record #(
    parameter integer N = 256  // neurons
) (
    input  wire                 clk,
    input  wire                 rst,
    // step
    input  wire                 begin_i,
    input  wire                 clear_i,
    input  wire [         14:0] step_i,
    input  wire                 record_i,       // spikes of this population go to the queue
    // neuron at the end of the pipe
    input  wire                 spike_i,
    input  wire [$clog2(N)-1:0] idx_i,
    // fired list
    output wire                 fired_we_o,
    output wire [$clog2(N)-1:0] fired_waddr_o,
    output wire [$clog2(N)-1:0] fired_wdata_o,
    output wire [  $clog2(N):0] fired_count_o,
    // counters
    output wire [$clog2(N)-1:0] count_raddr_o,
    input  wire [         15:0] count_rdata_i,
    output wire                 count_we_o,
    output wire [$clog2(N)-1:0] count_waddr_o,
    output wire [         15:0] count_wdata_o,
    // spike queue
    output wire [         15:0] m_axis_tdata,
    output wire                 m_axis_tvalid
);

  localparam integer NW = $clog2(N);

  reg [NW:0] fired_q;
  reg marked_q;  // the queue has the marker of this step
  reg spike_q, queue_q;
  reg [NW-1:0] idx_q;

  wire recorded = spike_i & record_i;
  wire mark = recorded & ~marked_q;

  always @(posedge clk) begin
    if (rst | begin_i | clear_i) fired_q <= {(NW + 1) {1'b0}};
    else if (spike_i) fired_q <= fired_q + {{NW{1'b0}}, 1'b1};
    if (rst | begin_i) marked_q <= 1'b0;
    else if (mark) marked_q <= 1'b1;
    spike_q <= spike_i & ~rst;
    queue_q <= recorded & ~rst;
    idx_q   <= idx_i;
  end

  assign fired_we_o    = spike_i;
  assign fired_waddr_o = fired_q[NW-1:0];
  assign fired_wdata_o = idx_i;
  assign fired_count_o = fired_q;

  assign count_raddr_o = idx_i;
  assign count_we_o    = spike_q;
  assign count_waddr_o = idx_q;
  assign count_wdata_o = (&count_rdata_i) ? count_rdata_i : count_rdata_i + 16'd1;

  // Marker and spike never meet: when the marker goes in, no earlier spike is on its way.
  assign m_axis_tvalid = mark | queue_q;
  assign m_axis_tdata  = queue_q ? {{(16 - NW) {1'b0}}, idx_q} : {1'b1, step_i};

endmodule

`default_nettype wire
