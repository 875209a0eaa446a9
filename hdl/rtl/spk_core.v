// SPDX-License-Identifier: Apache-2.0
// The core: the engine, its queues, its memories and the host's way to them. Ports towards the link
// are a halfword bus for the memory windows (only while busy_o = 0), a stream of event words in,
// a stream of spike words out, and control. run_i, stop_i and clear_i are pulses; run_i and
// clear_i only while busy_o = 0. ev_lock_i keeps the next step from starting: once ev_locked_o
// is 1, next_step_o does not change. Reset clears every memory and keeps busy_o at 1 meanwhile.
// Cycles of a step: [timing] in hdl/spec/core.toml.
`default_nettype none

module spk_core #(
    parameter integer N      = 256,       // neurons: power of two, 32 to 1024
    parameter integer A      = 256,       // axons: 1 to 1024
    parameter integer L      = 8,         // lanes: 2, 4, 8 or 16; N/L at most 256
    parameter integer WB     = 8,         // bits of a weight: 4, 8 or 16; L*WB multiple of 16
    parameter integer VB     = 18,        // bits of v and i: 16 to 18
    parameter integer AB     = 16,        // bits of an accumulator: 16
    parameter integer D      = 8,         // delay slots: power of two, 1 to 16
    parameter integer NSEG   = 512,       // segments: A + N to 65535
    parameter integer NPOP   = 16,        // population records: 1 to 64
    parameter integer WWORDS = 16384,     // weight words: 1 to 65536
    parameter integer EVQ    = 512,       // event queue words: power of two, 4 to 32768
    parameter integer SPKQ   = 512,       // spike queue words: power of two, N + 2 to 32768
    parameter         TARGET = "generic"  // RAM style: "generic", "ice40" or "ecp5"
) (
    input  wire        clk,
    input  wire        rst,
    // host bus
    input  wire        hb_req_i,
    input  wire        hb_we_i,
    input  wire [ 3:0] hb_win_i,
    input  wire [23:0] hb_addr_i,
    input  wire [15:0] hb_wdata_i,
    output wire        hb_ack_o,
    output wire [15:0] hb_rdata_o,
    // event queue
    input  wire [15:0] ev_tdata_i,
    input  wire        ev_tvalid_i,
    output wire        ev_tready_o,
    output wire [15:0] ev_free_o,
    input  wire        ev_lock_i,
    output wire        ev_locked_o,
    output wire [31:0] next_step_o,
    // spike queue
    output wire [15:0] spk_tdata_o,
    output wire        spk_tvalid_o,
    input  wire        spk_tready_i,
    output wire [15:0] spk_level_o,
    // control
    input  wire        run_i,
    input  wire [31:0] run_steps_i,
    input  wire        stop_i,
    input  wire        clear_i,
    input  wire [15:0] clear_mask_i,
    input  wire        record_i,
    input  wire [31:0] tick_period_i,
    // state
    output wire        running_o,
    output wire        busy_o,
    output wire        stalled_o,
    output wire [31:0] step_o,
    output wire [31:0] last_cycles_o,
    output wire [47:0] total_cycles_o,
    output wire [15:0] fired_count_o,
    output wire [15:0] deadline_count_o,
    output wire        deadline_flag_o,
    output wire        chain_flag_o
);

  `include "spk_core_defs.vh"

  localparam integer NW = $clog2(N);  // bits of a neuron's index
  localparam integer LW = $clog2(L);
  localparam integer GW = NW - LW;  // bits of a group's number
  localparam integer DW = (D > 1) ? $clog2(D) : 1;
  localparam integer BW = (WWORDS > 1) ? $clog2(WWORDS) : 1;
  localparam integer SW = $clog2(NSEG);
  localparam integer POP_WORDS = NPOP * SPK_STRIDE_POP;
  localparam integer PW = $clog2(POP_WORDS);
  localparam integer WW = L * WB;
  localparam integer ACC_WORDS = (N / L) * D;
  localparam integer EW = $clog2(EVQ);
  localparam integer QW = $clog2(SPKQ);
  localparam integer SPK_FULL = SPKQ - N - 1;  // highest level at which a recorded step fits
  // Implemented bits of an entry.
  localparam integer SEG_BITS = BW + 2 * GW + DW + 2 + SW;
  localparam integer WORD_BITS = 48;  // of a parameter and of a state entry
  // Last address a clear has to reach.
  localparam integer MAX_1 = (NSEG > N) ? NSEG : N;
  localparam integer MAX_2 = (ACC_WORDS > POP_WORDS) ? ACC_WORDS : POP_WORDS;
  localparam integer MAX_SMALL = (MAX_1 > MAX_2) ? MAX_1 : MAX_2;
  localparam integer MAX_ALL = (WWORDS > MAX_SMALL) ? WWORDS : MAX_SMALL;

  spk_core_check #(
      .N(N), .A(A), .L(L), .WB(WB), .VB(VB), .AB(AB), .D(D), .NSEG(NSEG), .NPOP(NPOP),
      .WWORDS(WWORDS), .EVQ(EVQ), .SPKQ(SPKQ)
  ) u_check ();

  wire sweeping, issue, add, updating, acc_clear;
  wire [15:0] zero_addr, zero;
  wire zeroing;
  wire [15:0] event_tdata, spike_tdata;
  wire event_tvalid, event_tready, spike_tvalid;
  wire [EW:0] ev_level;
  wire [QW:0] spk_level;
  wire [SW-1:0] seg_raddr;
  wire [SEG_BITS-1:0] seg_rdata, seg_host;
  wire [BW-1:0] weight_addr;
  wire [WW-1:0] weight_rdata;
  wire [DW+GW-1:0] acc_addr;
  wire [AB-1:0] acc_rdata;
  wire [NW-1:0] idx, param_raddr, state_waddr;
  wire [PW-1:0] pop_raddr;
  wire [15:0] pop_rdata, count_rdata, count_wdata;
  wire [WORD_BITS-1:0] param_rdata, state_rdata, state_wdata;
  wire [NW-1:0] fired_raddr, fired_rdata, fired_waddr, fired_wdata, count_raddr, count_waddr;
  wire [NW:0] fired_count;
  wire state_we, fired_we, count_we;

  spk_engine #(
      .N(N), .A(A), .L(L), .VB(VB), .AB(AB), .NPOP(NPOP), .BW(BW), .GW(GW), .DW(DW), .SW(SW),
      .LAST_SMALL(MAX_SMALL - 1), .LAST_ALL(MAX_ALL - 1)
  ) u_engine (
      .clk             (clk),
      .rst             (rst),
      .run_i           (run_i),
      .run_steps_i     (run_steps_i),
      .stop_i          (stop_i),
      .clear_i         (clear_i),
      .clear_mask_i    (clear_mask_i),
      .record_i        (record_i),
      .tick_period_i   (tick_period_i),
      .running_o       (running_o),
      .busy_o          (busy_o),
      .stalled_o       (stalled_o),
      .next_step_o     (next_step_o),
      .last_cycles_o   (last_cycles_o),
      .total_cycles_o  (total_cycles_o),
      .deadline_count_o(deadline_count_o),
      .deadline_flag_o (deadline_flag_o),
      .chain_flag_o    (chain_flag_o),
      .ev_lock_i       (ev_lock_i),
      .ev_locked_o     (ev_locked_o),
      .ev_settled_i    (event_tvalid | ~(|ev_level)),
      .ev_tdata_i      (event_tdata),
      .ev_tvalid_i     (event_tvalid),
      .ev_tready_o     (event_tready),
      .spk_room_i      (spk_level <= SPK_FULL[QW:0]),
      .spk_tdata_o     (spike_tdata),
      .spk_tvalid_o    (spike_tvalid),
      .zero_addr_o     (zero_addr),
      .zeroing_o       (zeroing),
      .zero_o          (zero),
      .sweeping_o      (sweeping),
      .seg_raddr_o     (seg_raddr),
      .seg_rdata_i     (seg_rdata),
      .issue_o         (issue),
      .add_o           (add),
      .weight_addr_o   (weight_addr),
      .acc_addr_o      (acc_addr),
      .updating_o      (updating),
      .idx_o           (idx),
      .acc_rdata_i     (acc_rdata),
      .acc_clear_o     (acc_clear),
      .pop_raddr_o     (pop_raddr),
      .pop_rdata_i     (pop_rdata),
      .param_raddr_o   (param_raddr),
      .param_rdata_i   (param_rdata),
      .state_rdata_i   (state_rdata),
      .state_we_o      (state_we),
      .state_waddr_o   (state_waddr),
      .state_wdata_o   (state_wdata),
      .fired_raddr_o   (fired_raddr),
      .fired_rdata_i   (fired_rdata),
      .fired_we_o      (fired_we),
      .fired_waddr_o   (fired_waddr),
      .fired_wdata_o   (fired_wdata),
      .fired_count_o   (fired_count),
      .count_raddr_o   (count_raddr),
      .count_rdata_i   (count_rdata),
      .count_we_o      (count_we),
      .count_waddr_o   (count_waddr),
      .count_wdata_o   (count_wdata)
  );

  assign step_o        = next_step_o;
  assign fired_count_o = {{(15 - NW) {1'b0}}, fired_count};

  // ---------------------------------------------------------------------------------------------
  // Queues

  spk_fifo #(.WIDTH(16), .DEPTH(EVQ)) u_evq (
      .clk          (clk),
      .rst          (rst),
      // Steps are numbered anew after CLEAR STATE, so events queued before have lost their step.
      .clear_i      (zero[SPK_CLEAR_QUEUES_BIT] | zero[SPK_CLEAR_STATE_BIT]),
      .s_axis_tdata (ev_tdata_i),
      .s_axis_tvalid(ev_tvalid_i),
      .s_axis_tready(ev_tready_o),
      .m_axis_tdata (event_tdata),
      .m_axis_tvalid(event_tvalid),
      .m_axis_tready(event_tready),
      .level_o      (ev_level)
  );

  // A recorded step starts only when its spikes fit, so nobody has to wait for room.
  wire unused_ready;
  spk_fifo #(.WIDTH(16), .DEPTH(SPKQ)) u_spkq (
      .clk          (clk),
      .rst          (rst),
      .clear_i      (zero[SPK_CLEAR_QUEUES_BIT]),
      .s_axis_tdata (spike_tdata),
      .s_axis_tvalid(spike_tvalid),
      .s_axis_tready(unused_ready),
      .m_axis_tdata (spk_tdata_o),
      .m_axis_tvalid(spk_tvalid_o),
      .m_axis_tready(spk_tready_i),
      .level_o      (spk_level)
  );

  assign ev_free_o   = {{(15 - EW) {1'b0}}, EVQ[EW:0] - ev_level};
  assign spk_level_o = {{(15 - QW) {1'b0}}, spk_level};

  // ---------------------------------------------------------------------------------------------
  // Host and clear: no step is at work then, so one address serves all memories, and the data
  // that the host bus gives are 0 while the core is busy

  wire [15:0] host_addr, host_write, host_data, pop_host;
  wire [LW-1:0] host_lane;
  wire [3:0] host_sub;
  wire [15:0] maint_addr = zeroing ? zero_addr : host_addr;

  spk_host_bus #(.N(N), .L(L), .WW(WW), .BW(BW), .GW(GW), .DW(DW), .SW(SW)) u_host_bus (
      .clk          (clk),
      .rst          (rst),
      .hb_req_i     (hb_req_i),
      .hb_we_i      (hb_we_i),
      .hb_win_i     (hb_win_i),
      .hb_addr_i    (hb_addr_i),
      .hb_wdata_i   (hb_wdata_i),
      .hb_ack_o     (hb_ack_o),
      .hb_rdata_o   (hb_rdata_o),
      .addr_o       (host_addr),
      .lane_o       (host_lane),
      .write_o      (host_write),
      .zero_i       (busy_o),
      .weight_i     (weight_rdata),
      .seg_i        (seg_rdata),
      .param_i      (param_rdata),
      .state_i      (state_rdata),
      .pop_i        (pop_rdata),
      .acc_i        (acc_rdata),
      .count_i      (count_rdata),
      .fired_i      (fired_rdata),
      .fired_count_i(fired_count),
      .sub_o        (host_sub),
      .seg_o        (seg_host),
      .pop_o        (pop_host),
      .data_o       (host_data)
  );

  // ---------------------------------------------------------------------------------------------
  // Memories

  spk_synapse_mem #(
      .N(N), .L(L), .WB(WB), .AB(AB), .D(D), .NSEG(NSEG), .WWORDS(WWORDS), .BW(BW), .GW(GW),
      .DW(DW), .SW(SW), .TARGET(TARGET)
  ) u_synapse_mem (
      .clk           (clk),
      .running_i     (running_o),
      .sweeping_i    (sweeping),
      .updating_i    (updating),
      .addr_i        (maint_addr),
      .lane_i        (host_lane),
      .write_i       (host_write),
      .sub_i         (host_sub),
      .data_i        (host_data),
      .seg_i         (seg_host),
      .zero_addr_i   (zero_addr),
      .zero_i        (zero),
      .seg_raddr_i   (seg_raddr),
      .seg_rdata_o   (seg_rdata),
      .issue_i       (issue),
      .add_i         (add),
      .weight_addr_i (weight_addr),
      .acc_addr_i    (acc_addr),
      .weight_rdata_o(weight_rdata),
      .update_lane_i (idx[LW-1:0]),
      .acc_clear_i   (acc_clear),
      .acc_rdata_o   (acc_rdata)
  );

  spk_neuron_mem #(.N(N), .NPOP(NPOP)) u_neuron_mem (
      .clk          (clk),
      .running_i    (running_o),
      .updating_i   (updating),
      .addr_i       (maint_addr),
      .write_i      (host_write),
      .sub_i        (host_sub),
      .data_i       (host_data),
      .pop_i        (pop_host),
      .zero_addr_i  (zero_addr),
      .zero_i       (zero),
      .pop_raddr_i  (pop_raddr),
      .pop_rdata_o  (pop_rdata),
      .param_raddr_i(param_raddr),
      .param_rdata_o(param_rdata),
      .state_raddr_i(idx),
      .state_rdata_o(state_rdata),
      .state_we_i   (state_we),
      .state_waddr_i(state_waddr),
      .state_wdata_i(state_wdata),
      .count_raddr_i(count_raddr),
      .count_rdata_o(count_rdata),
      .count_we_i   (count_we),
      .count_waddr_i(count_waddr),
      .count_wdata_i(count_wdata),
      .fired_raddr_i(fired_raddr),
      .fired_rdata_o(fired_rdata),
      .fired_we_i   (fired_we),
      .fired_waddr_i(fired_waddr),
      .fired_wdata_i(fired_wdata)
  );

endmodule

`default_nettype wire
