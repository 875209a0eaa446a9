// SPDX-License-Identifier: Apache-2.0
// Host link and core: the whole device but for the UART. Line bytes (COBS) in and out as streams.
// Ports of the line as in spk_link. After rst the core clears its memories and is busy meanwhile.
`default_nettype none

module spk_soc #(
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
  input  wire        clk,
  input  wire        rst,
  // bytes of the line
  input  wire [ 7:0] s_axis_tdata,
  input  wire        s_axis_tvalid,
  output wire        s_axis_tready,
  output wire [ 7:0] m_axis_tdata,
  output wire        m_axis_tvalid,
  input  wire        m_axis_tready,
  // events of the line, rate in force
  input  wire        break_i,
  input  wire        rx_framing_err_i,
  input  wire        rx_overrun_i,
  input  wire        tx_idle_i,
  output wire [23:0] baud_inc_o,
  output wire        baud_load_o,
  // running or clearing
  output wire        busy_o
);

  wire        hb_req;
  wire        hb_we;
  wire [ 3:0] hb_win;
  wire [23:0] hb_addr;
  wire [15:0] hb_wdata;
  wire        hb_ack;
  wire [15:0] hb_rdata;
  wire [15:0] ev_tdata;
  wire        ev_tvalid;
  wire        ev_tready;
  wire [15:0] ev_free;
  wire        ev_lock;
  wire        ev_locked;
  wire [31:0] next_step;
  wire [15:0] spk_tdata;
  wire        spk_tvalid;
  wire        spk_tready;
  wire [15:0] spk_level;
  wire        run;
  wire [31:0] run_steps;
  wire        stop;
  wire        clear;
  wire [15:0] clear_mask;
  wire        record;
  wire [31:0] tick_period;
  wire        running;
  wire        busy;
  wire        stalled;
  wire [31:0] last_cycles;
  wire [47:0] total_cycles;
  wire [15:0] fired_count;
  wire [15:0] deadline_count;
  wire        deadline_flag;
  wire        chain_flag;
  wire [31:0] unused_step;

  spk_link #(
    .N(N), .A(A), .L(L), .WB(WB), .VB(VB), .AB(AB), .D(D), .NSEG(NSEG), .NPOP(NPOP),
    .WWORDS(WWORDS), .EVQ(EVQ), .SPKQ(SPKQ), .RXBUF(RXBUF), .CLK_HZ(CLK_HZ), .BAUD(BAUD),
    .BUILD_ID(BUILD_ID)
  ) u_link (
    .clk(clk), .rst(rst),
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
    .break_i(break_i), .rx_framing_err_i(rx_framing_err_i), .rx_overrun_i(rx_overrun_i),
    .tx_idle_i(tx_idle_i), .baud_inc_o(baud_inc_o), .baud_load_o(baud_load_o),
    .hb_req_o(hb_req), .hb_we_o(hb_we), .hb_win_o(hb_win), .hb_addr_o(hb_addr),
    .hb_wdata_o(hb_wdata), .hb_ack_i(hb_ack), .hb_rdata_i(hb_rdata), .ev_tdata_o(ev_tdata),
    .ev_tvalid_o(ev_tvalid), .ev_tready_i(ev_tready), .ev_free_i(ev_free), .ev_lock_o(ev_lock),
    .ev_locked_i(ev_locked), .next_step_i(next_step), .spk_tdata_i(spk_tdata),
    .spk_tvalid_i(spk_tvalid), .spk_tready_o(spk_tready), .spk_level_i(spk_level), .run_o(run),
    .run_steps_o(run_steps), .stop_o(stop), .clear_o(clear), .clear_mask_o(clear_mask),
    .record_o(record), .tick_period_o(tick_period), .running_i(running), .busy_i(busy),
    .stalled_i(stalled), .last_cycles_i(last_cycles), .total_cycles_i(total_cycles),
    .fired_count_i(fired_count), .deadline_count_i(deadline_count),
    .deadline_flag_i(deadline_flag), .chain_flag_i(chain_flag)
  );

  spk_core #(
    .N(N), .A(A), .L(L), .WB(WB), .VB(VB), .AB(AB), .D(D), .NSEG(NSEG), .NPOP(NPOP),
    .WWORDS(WWORDS), .EVQ(EVQ), .SPKQ(SPKQ), .TARGET(TARGET)
  ) u_core (
    .clk(clk), .rst(rst),
    .hb_req_i(hb_req), .hb_we_i(hb_we), .hb_win_i(hb_win), .hb_addr_i(hb_addr),
    .hb_wdata_i(hb_wdata), .hb_ack_o(hb_ack), .hb_rdata_o(hb_rdata), .ev_tdata_i(ev_tdata),
    .ev_tvalid_i(ev_tvalid), .ev_tready_o(ev_tready), .ev_free_o(ev_free), .ev_lock_i(ev_lock),
    .ev_locked_o(ev_locked), .next_step_o(next_step), .spk_tdata_o(spk_tdata),
    .spk_tvalid_o(spk_tvalid), .spk_tready_i(spk_tready), .spk_level_o(spk_level), .run_i(run),
    .run_steps_i(run_steps), .stop_i(stop), .clear_i(clear), .clear_mask_i(clear_mask),
    .record_i(record), .tick_period_i(tick_period), .running_o(running), .busy_o(busy),
    .stalled_o(stalled), .last_cycles_o(last_cycles), .total_cycles_o(total_cycles),
    .fired_count_o(fired_count), .deadline_count_o(deadline_count),
    .deadline_flag_o(deadline_flag), .chain_flag_o(chain_flag), .step_o(unused_step)
  );

  assign busy_o = busy;

endmodule

`default_nettype wire
