// SPDX-License-Identifier: Apache-2.0
// The whole device: UART, host link, core. Two line pins, clock and reset.
// A byte that comes while the receive buffer is full is lost and counted as overrun.
`default_nettype none

module spk_top #(
  parameter integer N        = 256,        // neurons: power of two, 32 to 1024
  parameter integer A        = 256,        // axons: 1 to 1024
  parameter integer L        = 8,          // lanes: 2, 4, 8 or 16
  parameter integer WB       = 8,          // bits of a weight: 4, 8 or 16
  parameter integer VB       = 18,         // bits of v and i: 16 to 18
  parameter integer AB       = 16,         // bits of an accumulator: 16
  parameter integer D        = 8,          // delay slots: power of two, 1 to 16
  parameter integer NSEG     = 512,        // segments: A + N to 65535
  parameter integer NPOP     = 16,         // population records: 1 to 64
  parameter integer WWORDS   = 16384,      // weight words: 1 to 65536
  parameter integer EVQ      = 512,        // event queue words: power of two
  parameter integer SPKQ     = 512,        // spike queue words: power of two, N + 2 or more
  parameter integer RXBUF    = 1024,       // receive buffer, bytes: power of two, 256 to 16384
  parameter integer CLK_HZ   = 12000000,   // clock, Hz
  parameter integer BAUD     = 115200,     // line rate after reset, bit/s, at most CLK_HZ / 16
  parameter         BUILD_ID = 32'd0,      // CRC-32 of the sources, register BUILD_ID
  parameter         TARGET   = "generic"   // RAM style: "generic", "ice40" or "ecp5"
) (
  input  wire clk,
  input  wire rst,
  // serial line
  input  wire rxd_i,
  output wire txd_o,
  // running or clearing
  output wire busy_o
);

  wire [23:0] baud_inc;
  wire        baud_load;
  wire        tick;
  wire [ 7:0] rx_data;
  wire        rx_valid;
  wire        rx_ready;
  wire        framing_err;
  wire        line_break;
  wire [ 7:0] tx_data;
  wire        tx_valid;
  wire        tx_ready;
  wire        tx_idle;

  spk_baud_gen u_baud (
    .clk(clk), .rst(rst), .inc_i(baud_inc), .load_i(baud_load), .tick_o(tick)
  );

  spk_uart_rx u_rx (
    .clk(clk), .rst(rst), .tick_i(tick), .rxd_i(rxd_i),
    .data_o(rx_data), .valid_o(rx_valid), .framing_err_o(framing_err), .break_o(line_break)
  );

  spk_uart_tx u_tx (
    .clk(clk), .rst(rst), .tick_i(tick),
    .s_axis_tdata(tx_data), .s_axis_tvalid(tx_valid), .s_axis_tready(tx_ready),
    .txd_o(txd_o), .idle_o(tx_idle)
  );

  spk_soc #(
    .N(N), .A(A), .L(L), .WB(WB), .VB(VB), .AB(AB), .D(D), .NSEG(NSEG), .NPOP(NPOP),
    .WWORDS(WWORDS), .EVQ(EVQ), .SPKQ(SPKQ), .RXBUF(RXBUF), .CLK_HZ(CLK_HZ), .BAUD(BAUD),
    .BUILD_ID(BUILD_ID), .TARGET(TARGET)
  ) u_soc (
    .clk(clk), .rst(rst),
    .s_axis_tdata(rx_data), .s_axis_tvalid(rx_valid), .s_axis_tready(rx_ready),
    .m_axis_tdata(tx_data), .m_axis_tvalid(tx_valid), .m_axis_tready(tx_ready),
    .break_i(line_break), .rx_framing_err_i(framing_err), .rx_overrun_i(rx_valid && !rx_ready),
    .tx_idle_i(tx_idle), .baud_inc_o(baud_inc), .baud_load_o(baud_load), .busy_o(busy_o)
  );

endmodule

`default_nettype wire
