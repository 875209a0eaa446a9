// SPDX-License-Identifier: Apache-2.0
// The sequence rule of docs/design/link.md: what becomes of a request with number sequence_i.
// execute_o: run it. Otherwise answer status_o; OK there means the kept reply, of kept_size_o
// halfwords. done_i: the request was executed with OK, its reply has size_i halfwords.
// flush_i and rst: no PING has come, nothing is kept.
`default_nettype none

module spk_sequence (
  input  wire       clk,
  input  wire       rst,
  // request
  input  wire [7:0] sequence_i,
  input  wire       ping_i,
  output wire       execute_o,
  output reg  [3:0] status_o,
  // state
  input  wire       flush_i,
  input  wire       done_i,
  input  wire [6:0] size_i,
  output wire [7:0] expected_o,
  output wire [6:0] kept_size_o
);

  `include "spk_core_defs.vh"

  reg  [7:0] expected_q;
  reg        synced_q;   // a PING has come
  reg        kept_q;     // the reply to request expected_q - 1 is held
  reg  [6:0] size_q;
  wire [7:0] distance = sequence_i - expected_q;

  always @(posedge clk) begin
    if (rst || flush_i) begin
      expected_q <= 8'd0;
      synced_q <= 1'b0;
      kept_q <= 1'b0;
      size_q <= 7'd0;
    end else if (done_i) begin
      expected_q <= sequence_i + 8'd1;
      synced_q <= 1'b1;
      kept_q <= !ping_i;
      size_q <= size_i;
    end
  end

  always @* begin
    status_o = SPK_ST_OK[3:0];
    if (!synced_q || !distance[7]) status_o = SPK_ST_BAD_SEQUENCE[3:0];
    else if (distance != 8'hff || !kept_q) status_o = SPK_ST_DUPLICATE[3:0];
  end

  assign execute_o = ping_i || (synced_q && distance == 8'd0);
  assign expected_o = expected_q;
  assign kept_size_o = size_q;

endmodule

`default_nettype wire
