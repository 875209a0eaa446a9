// SPDX-License-Identifier: Apache-2.0
// UART transmitter, 8N1, 16 ticks per bit (tick_i). Takes a byte when idle: ten bit times each.
// The start bit begins at the handshake and lasts until the sixteenth tick after it.
`default_nettype none

module spk_uart_tx (
  input  wire       clk,
  input  wire       rst,
  input  wire       tick_i,
  // bytes in
  input  wire [7:0] s_axis_tdata,
  input  wire       s_axis_tvalid,
  output wire       s_axis_tready,
  // line
  output wire       txd_o,
  output wire       idle_o
);

  // A sentinel one follows the stop bit: the byte is out when only the sentinel is left.
  reg [9:0] shift_q;
  reg [3:0] count_q;
  reg       busy_q;
  reg       txd_q;

  always @(posedge clk) begin
    if (rst) begin
      busy_q <= 1'b0;
      txd_q <= 1'b1;
    end else if (!busy_q) begin
      if (s_axis_tvalid) begin
        busy_q <= 1'b1;
        txd_q <= 1'b0;
      end
    end else if (tick_i && count_q == 4'd15) begin
      if (shift_q == 10'd1) busy_q <= 1'b0;
      else txd_q <= shift_q[0];
    end
  end

  always @(posedge clk) begin
    if (!busy_q) begin
      shift_q <= {2'b11, s_axis_tdata};
      count_q <= 4'd0;
    end else if (tick_i) begin
      count_q <= count_q + 4'd1;
      if (count_q == 4'd15) shift_q <= {1'b0, shift_q[9:1]};
    end
  end

  assign s_axis_tready = !busy_q;
  assign txd_o = txd_q;
  assign idle_o = !busy_q;

endmodule

`default_nettype wire
