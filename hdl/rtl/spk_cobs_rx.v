// SPDX-License-Identifier: Apache-2.0
// COBS decoder, delimiter 0x00. Every accepted byte gives at most one decoded byte in the same
// cycle, so there is no buffer and no back-pressure of its own: the user gates valid_i.
// valid_o with data_o: a decoded byte. end_o: the delimiter of a frame that has at least one byte
// on the line; bad_o with it: the last block was cut. Repeated delimiters give nothing.
// rst and clear_i forget the frame under way.
`default_nettype none

module spk_cobs_rx (
  input  wire       clk,
  input  wire       rst,
  input  wire       clear_i,
  // encoded bytes
  input  wire [7:0] data_i,
  input  wire       valid_i,
  // decoded bytes
  output wire [7:0] data_o,
  output wire       valid_o,
  output wire       end_o,
  output wire       bad_o
);

  `include "spk_core_defs.vh"

  reg  [7:0] left_q;  // bytes of the block still to come
  reg        zero_q;  // the block stands for a zero when another block follows
  reg        open_q;  // a byte has come since the delimiter

  wire       delimiter = data_i == SPK_DELIMITER[7:0];
  wire       code = left_q == 8'd0;

  always @(posedge clk) begin
    if (rst || clear_i) begin
      left_q <= 8'd0;
      zero_q <= 1'b0;
      open_q <= 1'b0;
    end else if (valid_i) begin
      open_q <= !delimiter;
      if (delimiter) begin
        left_q <= 8'd0;
        zero_q <= 1'b0;
      end else if (code) begin
        left_q <= data_i - 8'd1;
        zero_q <= {24'd0, data_i} != SPK_COBS_BLOCK + 1;
      end else begin
        left_q <= left_q - 8'd1;
      end
    end
  end

  assign data_o = code ? 8'd0 : data_i;
  assign valid_o = valid_i && !delimiter && (!code || zero_q);
  assign end_o = valid_i && delimiter && open_q;
  assign bad_o = !code;

endmodule

`default_nettype wire
