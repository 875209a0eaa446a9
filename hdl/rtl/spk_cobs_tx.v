// SPDX-License-Identifier: Apache-2.0
// COBS encoder for a frame of up to 254 bytes that can be read by index. start_i (while busy_o =
// 0) with length_i; address_o is answered by data_i one cycle later, as long as the address is
// held. Each byte is looked at once in order (scan_o with data_i valid, for a CRC that is
// appended), then sent; the delimiter ends the frame. abort_i cuts the frame and sends the
// delimiter. Three cycles per byte at most plus what m_axis_tready adds.
`default_nettype none

module spk_cobs_tx (
  input  wire       clk,
  input  wire       rst,
  // control
  input  wire       start_i,
  input  wire [7:0] length_i,
  input  wire       abort_i,
  output wire       busy_o,
  // frame bytes by index
  output wire [7:0] address_o,
  input  wire [7:0] data_i,
  output wire       scan_o,
  // encoded bytes
  output wire [7:0] m_axis_tdata,
  output wire       m_axis_tvalid,
  input  wire       m_axis_tready
);

  `include "spk_core_defs.vh"

  localparam [2:0] IDLE = 3'd0;
  localparam [2:0] SCAN = 3'd1;  // address of the byte to look at is out
  localparam [2:0] LOOK = 3'd2;  // its data is in
  localparam [2:0] CODE = 3'd3;  // send the block's length
  localparam [2:0] READ = 3'd4;  // address of the byte to send is out
  localparam [2:0] SEND = 3'd5;
  localparam [2:0] STOP = 3'd6;  // send the delimiter

  reg  [2:0] state_q;
  reg  [7:0] scan_q;  // next byte to look at: end of the block
  reg  [7:0] send_q;  // next byte to send

  wire       at_end = scan_q == length_i;
  wire       block_sent = send_q == scan_q;
  wire       zero = data_i == SPK_DELIMITER[7:0];

  always @(posedge clk) begin
    if (rst) begin
      state_q <= IDLE;
    end else if (abort_i) begin
      if (state_q != IDLE) state_q <= STOP;
    end else begin
      case (state_q)
        IDLE: if (start_i) state_q <= SCAN;
        SCAN: state_q <= at_end ? CODE : LOOK;
        LOOK: state_q <= zero ? CODE : SCAN;
        CODE: if (m_axis_tready) state_q <= READ;
        READ: state_q <= !block_sent ? SEND : at_end ? STOP : SCAN;
        SEND: if (m_axis_tready) state_q <= READ;
        STOP: if (m_axis_tready) state_q <= IDLE;
        default: state_q <= IDLE;
      endcase
    end
  end

  always @(posedge clk) begin
    case (state_q)
      IDLE: begin
        scan_q <= 8'd0;
        send_q <= 8'd0;
      end
      LOOK: if (!zero) scan_q <= scan_q + 8'd1;
      READ:
      if (block_sent && !at_end) begin
        // step over the zero that the block's code stands for
        scan_q <= scan_q + 8'd1;
        send_q <= scan_q + 8'd1;
      end
      SEND: if (m_axis_tready) send_q <= send_q + 8'd1;
      default: ;
    endcase
  end

  assign busy_o = state_q != IDLE;
  assign address_o = (state_q == READ || state_q == SEND) ? send_q : scan_q;
  assign scan_o = state_q == LOOK;
  assign m_axis_tvalid = state_q == CODE || state_q == SEND || state_q == STOP;
  assign m_axis_tdata = state_q == STOP ? SPK_DELIMITER[7:0] :
                        state_q == CODE ? scan_q - send_q + 8'd1 : data_i;

endmodule

`default_nettype wire
