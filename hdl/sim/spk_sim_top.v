// SPDX-License-Identifier: Apache-2.0
// Top for the C harness: the device as in spk_top, with a multiplexer in front of the link.
// bypass_i = 1: line bytes go straight to and from the link, with ready and valid on both sides.
// bypass_i = 0: they pass the UART, bit by bit, and a byte that finds the buffer full is lost.
// The dbg_* outputs show state the harness compares; nothing here is synthesized.
`default_nettype none

module spk_sim_top #(
  parameter integer N        = 256,       // as in spk_top
  parameter integer A        = 256,
  parameter integer L        = 8,
  parameter integer WB       = 8,
  parameter integer VB       = 18,
  parameter integer AB       = 16,
  parameter integer D        = 8,
  parameter integer NSEG     = 512,
  parameter integer NPOP     = 16,
  parameter integer WWORDS   = 16384,
  parameter integer EVQ      = 512,
  parameter integer SPKQ     = 512,
  parameter integer RXBUF    = 1024,
  parameter integer CLK_HZ   = 12000000,
  parameter integer BAUD     = 115200
) (
  input  wire        clk,
  input  wire        rst,
  input  wire        bypass_i,
  // bypass
  input  wire [ 7:0] s_axis_tdata,
  input  wire        s_axis_tvalid,
  output wire        s_axis_tready,
  output wire [ 7:0] m_axis_tdata,
  output wire        m_axis_tvalid,
  input  wire        m_axis_tready,
  input  wire        break_i,
  // serial line
  input  wire        rxd_i,
  output wire        txd_o,
  // state
  output wire        dbg_link_idle_o,
  output wire        dbg_busy_o,
  output wire        dbg_stalled_o,
  output wire        dbg_chain_o,
  output wire [31:0] dbg_step_o,
  output wire [31:0] dbg_last_cycles_o,
  output wire [47:0] dbg_total_cycles_o,
  output wire [15:0] dbg_fired_count_o,
  output wire [15:0] dbg_ev_level_o,
  output wire [15:0] dbg_ev_write_o,
  output wire [15:0] dbg_spk_level_o,
  output wire [15:0] dbg_spk_write_o
);

  wire [23:0] baud_inc;
  wire        baud_load;
  wire        tick;
  wire [ 7:0] rx_data;
  wire        rx_valid;
  wire        framing_err;
  wire        line_break;
  wire        in_ready;
  wire [ 7:0] out_data;
  wire        out_valid;
  wire        uart_ready;
  wire        uart_idle;

  spk_baud_gen u_baud (
    .clk(clk), .rst(rst), .inc_i(baud_inc), .load_i(baud_load), .tick_o(tick)
  );

  spk_uart_rx u_rx (
    .clk(clk), .rst(rst), .tick_i(tick), .rxd_i(rxd_i | bypass_i),
    .data_o(rx_data), .valid_o(rx_valid), .framing_err_o(framing_err), .break_o(line_break)
  );

  spk_uart_tx u_tx (
    .clk(clk), .rst(rst), .tick_i(tick),
    .s_axis_tdata(out_data), .s_axis_tvalid(out_valid && !bypass_i), .s_axis_tready(uart_ready),
    .txd_o(txd_o), .idle_o(uart_idle)
  );

  spk_soc #(
    .N(N), .A(A), .L(L), .WB(WB), .VB(VB), .AB(AB), .D(D), .NSEG(NSEG), .NPOP(NPOP),
    .WWORDS(WWORDS), .EVQ(EVQ), .SPKQ(SPKQ), .RXBUF(RXBUF), .CLK_HZ(CLK_HZ), .BAUD(BAUD)
  ) u_soc (
    .clk(clk), .rst(rst),
    .s_axis_tdata(bypass_i ? s_axis_tdata : rx_data),
    .s_axis_tvalid(bypass_i ? s_axis_tvalid : rx_valid), .s_axis_tready(in_ready),
    .m_axis_tdata(out_data), .m_axis_tvalid(out_valid),
    .m_axis_tready(bypass_i ? m_axis_tready : uart_ready),
    .break_i(bypass_i ? break_i : line_break), .rx_framing_err_i(framing_err && !bypass_i),
    .rx_overrun_i(!bypass_i && rx_valid && !in_ready), .tx_idle_i(bypass_i || uart_idle),
    .baud_inc_o(baud_inc), .baud_load_o(baud_load), .busy_o(dbg_busy_o)
  );

  assign s_axis_tready = in_ready;
  assign m_axis_tdata = out_data;
  assign m_axis_tvalid = out_valid && bypass_i;

  assign dbg_link_idle_o = !u_soc.u_link.frame && !u_soc.u_link.sending && uart_idle;
  assign dbg_stalled_o = u_soc.stalled;
  assign dbg_chain_o = u_soc.chain_flag;
  assign dbg_step_o = u_soc.next_step;
  assign dbg_last_cycles_o = u_soc.last_cycles;
  assign dbg_total_cycles_o = u_soc.total_cycles;
  assign dbg_fired_count_o = u_soc.fired_count;
  assign dbg_ev_level_o = {{(15 - $clog2(EVQ)) {1'b0}}, u_soc.u_core.u_evq.level_q};
  assign dbg_ev_write_o = {{(15 - $clog2(EVQ)) {1'b0}}, u_soc.u_core.u_evq.wptr_q};
  assign dbg_spk_level_o = {{(15 - $clog2(SPKQ)) {1'b0}}, u_soc.u_core.u_spkq.level_q};
  assign dbg_spk_write_o = {{(15 - $clog2(SPKQ)) {1'b0}}, u_soc.u_core.u_spkq.wptr_q};

endmodule

`default_nettype wire
