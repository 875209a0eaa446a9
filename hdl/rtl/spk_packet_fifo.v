// SPDX-License-Identifier: Apache-2.0
// Frame store: a ring of DEPTH bytes that holds length byte + frame for each committed frame.
// Bytes of the frame under way are written speculatively; commit_i keeps them and writes their
// number in front, rollback_i forgets them. Either comes in a cycle without valid_i. length_o
// stops one above MAX_FRAME. While frame_o = 1, offset_i addresses the oldest frame (0 = length
// byte, 1 = first byte) with data_o one cycle later; pop_i drops offset_i bytes, so the reader
// passes length + 1.
// A frame of n bytes takes n + 1; its COBS form has at least n + 2, so DEPTH bytes on the line
// fit. clear_i and rst empty the store. ready_o = 0: full, nothing may be given.
`default_nettype none

module spk_packet_fifo #(
  parameter integer DEPTH = 1024  // bytes, power of two, 256 to 16384
) (
  input  wire       clk,
  input  wire       rst,
  input  wire       clear_i,
  // bytes of the frame under way
  input  wire [7:0] data_i,
  input  wire       valid_i,
  input  wire       commit_i,
  input  wire       rollback_i,
  output wire       ready_o,
  output wire [7:0] length_o,
  // oldest frame
  output wire       frame_o,
  input  wire [7:0] offset_i,
  output wire [7:0] data_o,
  input  wire       pop_i
);

  `include "spk_core_defs.vh"

  localparam AW = $clog2(DEPTH);
  localparam [7:0] LONGEST = SPK_MAX_FRAME[7:0];
  localparam [AW-1:0] ONE = 1;

  generate
    if (DEPTH < SPK_RXBUF_MIN || DEPTH > SPK_RXBUF_MAX || (1 << AW) != DEPTH) begin : g_illegal
      spk_packet_fifo_illegal_depth u_illegal ();
    end
  endgenerate

  reg  [AW-1:0] head_q;    // length byte of the oldest frame
  reg  [AW-1:0] frame_q;   // length byte of the frame under way
  reg  [AW-1:0] write_q;   // next byte of the frame under way
  reg  [   7:0] length_q;

  // The byte under frame_q is always taken, so write_q = head_q can only mean full.
  wire          full = write_q == head_q;
  wire          store = valid_i && length_q < LONGEST;
  wire [AW-1:0] read_address = head_q + {{(AW - 8) {1'b0}}, offset_i};

  always @(posedge clk) begin
    if (rst || clear_i) begin
      frame_q <= {AW{1'b0}};
      write_q <= ONE;
      length_q <= 8'd0;
    end else if (commit_i) begin
      frame_q <= write_q;
      write_q <= write_q + ONE;
      length_q <= 8'd0;
    end else if (rollback_i) begin
      write_q <= frame_q + ONE;
      length_q <= 8'd0;
    end else if (valid_i) begin
      if (store) write_q <= write_q + ONE;
      if (length_q != LONGEST + 8'd1) length_q <= length_q + 8'd1;
    end
  end

  always @(posedge clk) begin
    if (rst || clear_i) head_q <= {AW{1'b0}};
    else if (pop_i) head_q <= read_address;
  end

  spk_mem_1r1w #(
    .WIDTH(8),
    .DEPTH(DEPTH)
  ) u_mem (
    .clk(clk),
    .we_i(commit_i || store),
    .waddr_i(commit_i ? frame_q : write_q),
    .wdata_i(commit_i ? length_q : data_i),
    .re_i(1'b1),
    .raddr_i(read_address),
    .rdata_o(data_o)
  );

  assign ready_o = !full;
  assign length_o = length_q;
  assign frame_o = head_q != frame_q;

endmodule

`default_nettype wire
