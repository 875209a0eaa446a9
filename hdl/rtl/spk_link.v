// SPDX-License-Identifier: Apache-2.0
// The device's end of the host link (docs/design/link.md): line bytes in and out, core behind it.
// spk_frame_rx checks and stores frames, spk_cmd_engine executes them, spk_reply_tx answers.
// baud_inc_o is the rate in force; baud_load_o pulses when it has changed (after a SET_BAUD only
// when tx_idle_i = 1). The other inputs of that group are pulses. A break acts as soon as the
// engine stops waiting; until then no byte is taken. rst: sequence unknown, buffer empty, default
// rate.
`default_nettype none

module spk_link #(
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
  parameter         BUILD_ID = 32'd0       // CRC-32 of the sources, register BUILD_ID
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
  // to the core: host bus
  output wire        hb_req_o,
  output wire        hb_we_o,
  output wire [ 3:0] hb_win_o,
  output wire [23:0] hb_addr_o,
  output wire [15:0] hb_wdata_o,
  input  wire        hb_ack_i,
  input  wire [15:0] hb_rdata_i,
  // event queue
  output wire [15:0] ev_tdata_o,
  output wire        ev_tvalid_o,
  input  wire        ev_tready_i,
  input  wire [15:0] ev_free_i,
  output wire        ev_lock_o,
  input  wire        ev_locked_i,
  input  wire [31:0] next_step_i,
  // spike queue
  input  wire [15:0] spk_tdata_i,
  input  wire        spk_tvalid_i,
  output wire        spk_tready_o,
  input  wire [15:0] spk_level_i,
  // control
  output wire        run_o,
  output wire [31:0] run_steps_o,
  output wire        stop_o,
  output wire        clear_o,
  output wire [15:0] clear_mask_o,
  output wire        record_o,
  output wire [31:0] tick_period_o,
  // state
  input  wire        running_i,
  input  wire        busy_i,
  input  wire        stalled_i,
  input  wire [31:0] last_cycles_i,
  input  wire [47:0] total_cycles_i,
  input  wire [15:0] fired_count_i,
  input  wire [15:0] deadline_count_i,
  input  wire        deadline_flag_i,
  input  wire        chain_flag_i
);

  `include "spk_core_defs.vh"

  wire        frame;
  wire [ 7:0] offset;
  wire [ 7:0] frame_byte;
  wire        pop;
  wire        good;
  wire        bad_frame;
  wire        bad_crc;
  wire        put;
  wire [ 6:0] put_index;
  wire [15:0] put_data;
  wire        start;
  wire [ 7:0] sequence_number;
  wire [ 7:0] status;
  wire [ 6:0] halfwords;
  wire [ 7:0] expected;
  wire        sending;
  wire        flush;
  wire        set_baud;
  wire [23:0] increment;
  wire        bad_sequence;
  wire        clear_errors;
  wire        clear_program;
  wire        program_set;
  wire        counting;
  wire        bus_req;
  wire        bus_we;
  wire [ 3:0] bus_win;
  wire [23:0] bus_addr;
  wire [15:0] bus_wdata;
  wire        reg_ack;
  wire [15:0] reg_rdata;
  wire        in_reg = bus_win == SPK_WIN_REG[3:0];
  wire [ 4:0] core_status = {chain_flag_i, deadline_flag_i, stalled_i, busy_i, running_i};
  reg         break_q;

  always @(posedge clk) begin
    if (rst) break_q <= 1'b0;
    else if (break_i) break_q <= 1'b1;
    else if (flush) break_q <= 1'b0;
  end

  spk_frame_rx #(
    .RXBUF(RXBUF)
  ) u_rx (
    .clk(clk), .rst(rst), .clear_i(flush), .hold_i(break_q || counting),
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
    .frame_o(frame), .offset_i(offset), .data_o(frame_byte), .pop_i(pop),
    .good_o(good), .bad_frame_o(bad_frame), .bad_crc_o(bad_crc)
  );

  spk_cmd_engine #(
    .N(N), .A(A), .L(L), .WB(WB), .D(D), .NSEG(NSEG), .NPOP(NPOP), .WWORDS(WWORDS)
  ) u_engine (
    .clk(clk), .rst(rst),
    .frame_i(frame), .offset_o(offset), .byte_i(frame_byte), .pop_o(pop),
    .put_o(put), .put_index_o(put_index), .put_data_o(put_data),
    .start_o(start), .sequence_o(sequence_number), .status_o(status), .halfwords_o(halfwords),
    .expected_o(expected), .sending_i(sending), .tx_idle_i(tx_idle_i),
    .break_i(break_q), .flush_o(flush), .set_baud_o(set_baud), .increment_o(increment),
    .bad_sequence_o(bad_sequence), .clear_errors_o(clear_errors), .clear_program_o(clear_program),
    .bus_req_o(bus_req), .bus_we_o(bus_we), .bus_win_o(bus_win), .bus_addr_o(bus_addr),
    .bus_wdata_o(bus_wdata), .bus_ack_i(in_reg ? reg_ack : hb_ack_i),
    .bus_rdata_i(in_reg ? reg_rdata : hb_rdata_i),
    .program_i(program_set), .core_status_i(core_status), .next_step_i(next_step_i),
    .run_o(run_o), .run_steps_o(run_steps_o), .stop_o(stop_o), .clear_o(clear_o),
    .clear_mask_o(clear_mask_o),
    .ev_tdata_o(ev_tdata_o), .ev_tvalid_o(ev_tvalid_o), .ev_tready_i(ev_tready_i),
    .ev_free_i(ev_free_i), .ev_lock_o(ev_lock_o), .ev_locked_i(ev_locked_i),
    .spk_tdata_i(spk_tdata_i), .spk_tvalid_i(spk_tvalid_i), .spk_tready_o(spk_tready_o),
    .spk_level_i(spk_level_i)
  );

  spk_reply_tx u_tx (
    .clk(clk), .rst(rst), .put_i(put), .put_index_i(put_index), .put_data_i(put_data),
    .start_i(start), .sequence_i(sequence_number), .status_i(status), .halfwords_i(halfwords),
    .expected_i(expected), .abort_i(flush), .busy_o(sending),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready)
  );

  spk_regs #(
    .N(N), .A(A), .L(L), .WB(WB), .VB(VB), .AB(AB), .D(D), .NSEG(NSEG), .NPOP(NPOP),
    .WWORDS(WWORDS), .EVQ(EVQ), .SPKQ(SPKQ), .RXBUF(RXBUF), .CLK_HZ(CLK_HZ),
    .BUILD_ID(BUILD_ID)
  ) u_regs (
    .clk(clk), .rst(rst), .req_i(bus_req && in_reg), .we_i(bus_we), .address_i(bus_addr[7:0]),
    .wdata_i(bus_wdata), .ack_o(reg_ack), .rdata_o(reg_rdata),
    .error_i({break_i, bad_sequence, bad_frame, bad_crc, rx_overrun_i, rx_framing_err_i}),
    .good_frame_i(good), .counting_o(counting), .clear_errors_i(clear_errors),
    .clear_program_i(clear_program),
    .status_i(core_status), .step_i(next_step_i), .last_cycles_i(last_cycles_i),
    .total_cycles_i(total_cycles_i), .ev_free_i(ev_free_i), .spk_level_i(spk_level_i),
    .fired_count_i(fired_count_i), .deadline_count_i(deadline_count_i),
    .record_o(record_o), .program_o(program_set), .tick_period_o(tick_period_o)
  );

  spk_baud_ctrl #(
    .CLK_HZ(CLK_HZ), .BAUD(BAUD)
  ) u_baud (
    .clk(clk), .rst(rst), .default_i(flush), .set_i(set_baud), .increment_i(increment),
    .good_i(good), .increment_o(baud_inc_o), .load_o(baud_load_o)
  );

  assign hb_req_o = bus_req && !in_reg;
  assign hb_we_o = bus_we;
  assign hb_win_o = bus_win;
  assign hb_addr_o = bus_addr;
  assign hb_wdata_o = bus_wdata;

endmodule

`default_nettype wire
