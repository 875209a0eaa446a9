// SPDX-License-Identifier: Apache-2.0
// What CRC32 and ARGMAX make of a range of halfwords, in one register. begin_i starts; valid_i
// (while busy_o = 0) gives one halfword, index_i being its neuron. largest_i selects the result:
// {count, neuron} of the largest, the lowest neuron on a tie, else the CRC-32 of the halfwords as
// little-endian bytes. It takes BITS bits of a halfword per cycle: the serial line brings data far
// slower, and the whole halfword at once costs several times the logic.
`default_nettype none

module spk_cmd_scan #(
  parameter integer BITS = 4  // of a halfword per cycle: 1, 2, 4 or 8
) (
  input  wire        clk,
  input  wire        rst,
  input  wire        begin_i,
  input  wire        largest_i,
  input  wire [15:0] index_i,
  input  wire [15:0] data_i,
  input  wire        valid_i,
  output wire        busy_o,
  output wire [31:0] result_o
);

  localparam integer CYCLES = 16 / BITS;

  reg  [31:0] result_q;
  reg  [15:0] data_q;
  reg  [ 3:0] left_q;
  reg         busy_q;
  wire [31:0] crc;

  spk_crc32 #(
    .BITS(BITS)
  ) u_crc (
    .crc_i(result_q),
    .data_i(data_q[BITS-1:0]),
    .crc_o(crc)
  );

  always @(posedge clk) begin
    if (begin_i) result_q <= largest_i ? {16'd0, index_i} : 32'd0;
    else if (busy_q) result_q <= crc;
    else if (valid_i && largest_i && data_i > result_q[31:16]) result_q <= {data_i, index_i};
  end

  always @(posedge clk) begin
    if (busy_q) data_q <= {{BITS{1'b0}}, data_q[15:BITS]};
    else data_q <= data_i;
  end

  always @(posedge clk) begin
    if (rst) busy_q <= 1'b0;
    else if (!busy_q) busy_q <= valid_i && !largest_i;
    else busy_q <= left_q != 4'd0;
    if (!busy_q) left_q <= CYCLES[3:0] - 4'd1;
    else left_q <= left_q - 4'd1;
  end

  assign busy_o = busy_q;
  assign result_o = result_q;

endmodule

`default_nettype wire
