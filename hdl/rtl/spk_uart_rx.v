// SPDX-License-Identifier: Apache-2.0
// UART receiver, 8N1, 16 ticks per bit (tick_i).
// A bit is the majority of the samples at ticks 7, 8 and 9. A start bit that is gone at its middle
// is ignored; a low stop bit drops the byte and pulses framing_err_o, then the line must rise.
// valid_o is a one-cycle pulse with data_o, at the middle of the stop bit (no back-pressure).
// break_o pulses once when the line has been low for 320 ticks (20 bit times).
`default_nettype none

module spk_uart_rx (
  input  wire       clk,
  input  wire       rst,
  input  wire       tick_i,
  input  wire       rxd_i,
  output wire [7:0] data_o,
  output reg        valid_o,
  output reg        framing_err_o,
  output reg        break_o
);

  `include "spk_core_defs.vh"

  localparam integer BREAK_TICK = SPK_BREAK_BITS * SPK_OVERSAMPLING;
  localparam [8:0] BREAK_TICKS = BREAK_TICK[8:0];
  localparam [3:0] BIT_START = 4'd0;
  localparam [3:0] BIT_STOP = 4'd9;
  localparam [3:0] BIT_IDLE = 4'd10;
  localparam [3:0] BIT_WAIT_HIGH = 4'd11;

  reg  [2:0] sync_q;
  reg  [3:0] bit_q;
  reg  [3:0] count_q;
  reg  [1:0] sample_q;
  reg  [7:0] shift_q;
  reg  [8:0] low_q;

  wire       line = sync_q[2];
  // The third sample is the line itself, so that the decision falls at tick 9.
  wire       vote = (sample_q[0] & sample_q[1]) | (sample_q[0] & line) | (sample_q[1] & line);
  wire       decide = tick_i && count_q == 4'd9;

  always @(posedge clk) begin
    if (rst) sync_q <= 3'b111;
    else sync_q <= {sync_q[1:0], rxd_i};
  end

  always @(posedge clk) begin
    if (tick_i && (count_q == 4'd7 || count_q == 4'd8)) sample_q <= {sample_q[0], line};
    if (decide && bit_q != BIT_STOP) shift_q <= {vote, shift_q[7:1]};
  end

  always @(posedge clk) begin
    valid_o <= 1'b0;
    framing_err_o <= 1'b0;
    if (rst) begin
      bit_q <= BIT_WAIT_HIGH;
      count_q <= 4'd0;
    end else begin
      if (tick_i) count_q <= count_q + 4'd1;
      case (bit_q)
        BIT_WAIT_HIGH: if (line) bit_q <= BIT_IDLE;
        BIT_IDLE: begin
          count_q <= 4'd0;
          if (!line) bit_q <= BIT_START;
        end
        BIT_START: if (decide) bit_q <= vote ? BIT_IDLE : 4'd1;
        BIT_STOP:
        if (decide) begin
          valid_o <= vote;
          framing_err_o <= !vote;
          bit_q <= vote ? BIT_IDLE : BIT_WAIT_HIGH;
        end
        default: if (decide) bit_q <= bit_q + 4'd1;
      endcase
    end
  end

  always @(posedge clk) begin
    break_o <= 1'b0;
    if (rst || line) low_q <= 9'd0;
    else if (tick_i && low_q != BREAK_TICKS) begin
      low_q <= low_q + 9'd1;
      break_o <= low_q == BREAK_TICKS - 9'd1;
    end
  end

  assign data_o = shift_q;

endmodule

`default_nettype wire
