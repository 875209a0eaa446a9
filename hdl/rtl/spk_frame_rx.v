// SPDX-License-Identifier: Apache-2.0
// From line bytes to checked frames: COBS decoder, CRC-16, frame store.
// A frame with the right form, length and CRC is committed to the store, any other is dropped and
// counted by one pulse of bad_frame_o (form or length) or bad_crc_o. good_o pulses for each commit.
// One byte per cycle; s_axis_tready falls while the store is full or hold_i = 1.
`default_nettype none

module spk_frame_rx #(
  parameter integer RXBUF = 1024  // bytes, power of two, 256 to 16384
) (
  input  wire       clk,
  input  wire       rst,
  input  wire       clear_i,
  input  wire       hold_i,
  // encoded bytes
  input  wire [7:0] s_axis_tdata,
  input  wire       s_axis_tvalid,
  output wire       s_axis_tready,
  // oldest good frame, see spk_packet_fifo
  output wire       frame_o,
  input  wire [7:0] offset_i,
  output wire [7:0] data_o,
  input  wire       pop_i,
  // verdicts
  output wire       good_o,
  output wire       bad_frame_o,
  output wire       bad_crc_o
);

  `include "spk_core_defs.vh"

  wire        ready;
  wire        take = s_axis_tvalid && s_axis_tready;
  wire [ 7:0] byte_data;
  wire        byte_valid;
  wire        frame_end;
  wire        cobs_bad;
  wire [ 7:0] length;
  wire [15:0] crc;
  // The CRC covers all but the last two bytes; which those are is known only at the delimiter, so
  // the CRC runs two bytes late.
  reg  [ 7:0] last_q;
  reg  [ 7:0] before_q;

  wire        bad_form = cobs_bad || length < SPK_MIN_FRAME[7:0] || length > SPK_MAX_FRAME[7:0];
  wire        crc_right = crc == {last_q, before_q};

  spk_cobs_rx u_cobs (
    .clk(clk),
    .rst(rst),
    .clear_i(clear_i),
    .data_i(s_axis_tdata),
    .valid_i(take),
    .data_o(byte_data),
    .valid_o(byte_valid),
    .end_o(frame_end),
    .bad_o(cobs_bad)
  );

  always @(posedge clk) begin
    if (byte_valid) begin
      last_q <= byte_data;
      before_q <= last_q;
    end
  end

  spk_crc16 u_crc (
    .clk(clk),
    .rst(rst),
    .init_i(clear_i || frame_end),
    .data_i(before_q),
    .valid_i(byte_valid && length >= SPK_CRC_BYTES[7:0]),
    .crc_o(crc)
  );

  spk_packet_fifo #(
    .DEPTH(RXBUF)
  ) u_fifo (
    .clk(clk),
    .rst(rst),
    .clear_i(clear_i),
    .data_i(byte_data),
    .valid_i(byte_valid),
    .commit_i(good_o),
    .rollback_i(bad_frame_o || bad_crc_o),
    .ready_o(ready),
    .length_o(length),
    .frame_o(frame_o),
    .offset_i(offset_i),
    .data_o(data_o),
    .pop_i(pop_i)
  );

  assign s_axis_tready = ready && !hold_i;
  assign bad_frame_o = frame_end && bad_form;
  assign bad_crc_o = frame_end && !bad_form && !crc_right;
  assign good_o = frame_end && !bad_form && crc_right;

endmodule

`default_nettype wire
