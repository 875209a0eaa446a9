// SPDX-License-Identifier: Apache-2.0
// Reply buffer and sender: sequence, status, payload, CRC-16, COBS, delimiter. put_i writes one
// halfword of the payload at put_index_i; the payload stays until overwritten, so a kept reply is
// sent again by the same start_i with the same halfwords_i. A reply with code BAD_SEQUENCE carries
// expected_i instead of the buffer. Inputs of a reply hold while busy_o = 1. abort_i cuts the
// reply, its delimiter is still sent. rst forgets nothing but the reply under way.
`default_nettype none

module spk_reply_tx (
  input  wire        clk,
  input  wire        rst,
  // payload
  input  wire        put_i,
  input  wire [ 6:0] put_index_i,
  input  wire [15:0] put_data_i,
  // reply
  input  wire        start_i,
  input  wire [ 7:0] sequence_i,
  input  wire [ 7:0] status_i,
  input  wire [ 6:0] halfwords_i,
  input  wire [ 7:0] expected_i,
  input  wire        abort_i,
  output wire        busy_o,
  // encoded bytes
  output wire [ 7:0] m_axis_tdata,
  output wire        m_axis_tvalid,
  input  wire        m_axis_tready
);

  `include "spk_core_defs.vh"

  wire [ 7:0] address;
  wire [ 7:0] length = {halfwords_i, 1'b0} + SPK_MIN_FRAME[7:0];
  wire        scan;
  wire [15:0] crc;
  wire [15:0] word;
  wire        in_crc = address[7:1] == halfwords_i + 7'd1;
  reg  [ 7:0] data;

  // The address is held while its data is used, so it also selects the source.
  always @* begin
    data = address[0] ? word[15:8] : word[7:0];
    if (status_i == SPK_ST_BAD_SEQUENCE) data = address[0] ? 8'd0 : expected_i;
    if (address[7:1] == 7'd0) data = address[0] ? status_i : sequence_i;
    else if (in_crc) data = address[0] ? crc[15:8] : crc[7:0];
  end

  spk_mem_1r1w #(
    .WIDTH(16),
    .DEPTH(128)
  ) u_mem (
    .clk(clk),
    .we_i(put_i),
    .waddr_i(put_index_i),
    .wdata_i(put_data_i),
    .re_i(1'b1),
    .raddr_i(address[7:1] - 7'd1),
    .rdata_o(word)
  );

  spk_crc16 u_crc (
    .clk(clk),
    .rst(rst),
    .init_i(start_i),
    .data_i(data),
    .valid_i(scan && !in_crc),
    .crc_o(crc)
  );

  spk_cobs_tx u_cobs (
    .clk(clk),
    .rst(rst),
    .start_i(start_i),
    .length_i(length),
    .abort_i(abort_i),
    .busy_o(busy_o),
    .address_o(address),
    .data_i(data),
    .scan_o(scan),
    .m_axis_tdata(m_axis_tdata),
    .m_axis_tvalid(m_axis_tvalid),
    .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
