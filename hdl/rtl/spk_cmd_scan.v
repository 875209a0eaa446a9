// SPDX-License-Identifier: Apache-2.0
// What CRC32 and ARGMAX make of a range of halfwords.
// begin_i starts; valid_i gives one halfword (not while busy_o = 1), index_i being its neuron.
// largest_i selects the result: {count, neuron} of the largest, the lowest neuron on a tie, else the
// CRC-32. It holds from the fifth cycle after the last valid_i on (busy_o = 0).
`default_nettype none

module spk_cmd_scan (
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

  reg  [15:0] count_q;
  reg  [15:0] neuron_q;
  wire [31:0] crc;

  always @(posedge clk) begin
    if (begin_i) begin
      count_q <= 16'd0;
      neuron_q <= index_i;
    end else if (valid_i && data_i > count_q) begin
      count_q <= data_i;
      neuron_q <= index_i;
    end
  end

  spk_crc32 u_crc (
    .clk(clk),
    .rst(rst),
    .init_i(begin_i),
    .data_i(data_i),
    .valid_i(valid_i && !largest_i),
    .busy_o(busy_o),
    .crc_o(crc)
  );

  assign result_o = largest_i ? {count_q, neuron_q} : crc;

endmodule

`default_nettype wire
