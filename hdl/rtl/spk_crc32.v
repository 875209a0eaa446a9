// SPDX-License-Identifier: Apache-2.0
// CRC-32 as in zlib over halfwords taken as two bytes, low byte first.
// Four bits per cycle: valid_i (while busy_o = 0) starts four cycles of work. Loading a memory over
// the serial line takes far longer than checking it at this rate, and the byte-wide form costs
// three times the logic. init_i restarts; crc_o holds while busy_o = 0.
`default_nettype none

module spk_crc32 (
  input  wire        clk,
  input  wire        rst,
  input  wire        init_i,
  input  wire [15:0] data_i,
  input  wire        valid_i,
  output wire        busy_o,
  output wire [31:0] crc_o
);

  localparam [31:0] POLYNOMIAL = 32'hedb88320;

  reg  [31:0] crc_q;
  reg  [15:0] data_q;
  reg  [ 2:0] left_q;

  function [31:0] step;
    input [31:0] crc;
    input data;
    step = {1'b0, crc[31:1]} ^ ((crc[0] ^ data) ? POLYNOMIAL : 32'd0);
  endfunction

  always @(posedge clk) begin
    if (rst || init_i) begin
      left_q <= 3'd0;
      crc_q <= 32'hffffffff;
    end else if (left_q != 3'd0) begin
      left_q <= left_q - 3'd1;
      crc_q <= step(step(step(step(crc_q, data_q[0]), data_q[1]), data_q[2]), data_q[3]);
    end else if (valid_i) begin
      left_q <= 3'd4;
    end
  end

  always @(posedge clk) begin
    if (left_q != 3'd0) data_q <= {4'd0, data_q[15:4]};
    else data_q <= data_i;
  end

  assign busy_o = left_q != 3'd0;
  assign crc_o = ~crc_q;

endmodule

`default_nettype wire
