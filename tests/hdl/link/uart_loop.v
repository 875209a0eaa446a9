// SPDX-License-Identifier: Apache-2.0
// Bench top: rate generator, receiver and transmitter; loop_i joins the transmitter's line to the
// receiver.
`default_nettype none

module uart_loop (
  input  wire        clk,
  input  wire        rst,
  input  wire [23:0] inc_i,
  input  wire        load_i,
  input  wire        loop_i,
  input  wire        rxd_i,
  output wire [ 7:0] rx_data_o,
  output wire        rx_valid_o,
  output wire        rx_framing_err_o,
  output wire        rx_break_o,
  input  wire [ 7:0] s_axis_tdata,
  input  wire        s_axis_tvalid,
  output wire        s_axis_tready,
  output wire        txd_o,
  output wire        tx_idle_o
);

  wire tick;

  spk_baud_gen u_baud (
    .clk(clk), .rst(rst), .inc_i(inc_i), .load_i(load_i), .tick_o(tick)
  );

  spk_uart_rx u_rx (
    .clk(clk), .rst(rst), .tick_i(tick), .rxd_i(loop_i ? txd_o : rxd_i), .data_o(rx_data_o),
    .valid_o(rx_valid_o), .framing_err_o(rx_framing_err_o), .break_o(rx_break_o)
  );

  spk_uart_tx u_tx (
    .clk(clk), .rst(rst), .tick_i(tick), .s_axis_tdata(s_axis_tdata),
    .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .txd_o(txd_o), .idle_o(tx_idle_o)
  );

endmodule

`default_nettype wire
