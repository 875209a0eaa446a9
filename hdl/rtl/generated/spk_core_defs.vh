// SPDX-License-Identifier: Apache-2.0
// generated from hdl/spec/core.toml by tools/gen_core.py; do not edit
// long: generated, one line for each constant
// Include inside a module body. A module uses a few of the names, so the rest is unused.
/* verilator lint_off UNUSEDPARAM */

// versions
localparam [15:0] SPK_VERSION_PROTOCOL = 16'd1;
localparam [15:0] SPK_VERSION_CORE = 16'd1;
localparam [15:0] SPK_VERSION_PROGRAM = 16'd1;

// parameters: default and range
localparam integer SPK_DEFAULT_N = 256;
localparam integer SPK_N_MIN = 32;
localparam integer SPK_N_MAX = 1024;
localparam integer SPK_DEFAULT_A = 256;
localparam integer SPK_A_MIN = 1;
localparam integer SPK_A_MAX = 1024;
localparam integer SPK_DEFAULT_L = 8;
localparam integer SPK_L_MIN = 2;
localparam integer SPK_L_MAX = 16;
localparam integer SPK_DEFAULT_WB = 8;
localparam integer SPK_WB_MIN = 4;
localparam integer SPK_WB_MAX = 16;
localparam integer SPK_DEFAULT_VB = 18;
localparam integer SPK_VB_MIN = 16;
localparam integer SPK_VB_MAX = 18;
localparam integer SPK_DEFAULT_AB = 16;
localparam integer SPK_AB_MIN = 16;
localparam integer SPK_AB_MAX = 16;
localparam integer SPK_DEFAULT_D = 8;
localparam integer SPK_D_MIN = 1;
localparam integer SPK_D_MAX = 16;
localparam integer SPK_DEFAULT_NSEG = 512;
localparam integer SPK_NSEG_MIN = 33;
localparam integer SPK_NSEG_MAX = 65535;
localparam integer SPK_DEFAULT_NPOP = 16;
localparam integer SPK_NPOP_MIN = 1;
localparam integer SPK_NPOP_MAX = 64;
localparam integer SPK_DEFAULT_WWORDS = 16384;
localparam integer SPK_WWORDS_MIN = 1;
localparam integer SPK_WWORDS_MAX = 65536;
localparam integer SPK_DEFAULT_EVQ = 512;
localparam integer SPK_EVQ_MIN = 4;
localparam integer SPK_EVQ_MAX = 32768;
localparam integer SPK_DEFAULT_SPKQ = 512;
localparam integer SPK_SPKQ_MIN = 64;
localparam integer SPK_SPKQ_MAX = 32768;
localparam integer SPK_DEFAULT_RXBUF = 1024;
localparam integer SPK_RXBUF_MIN = 256;
localparam integer SPK_RXBUF_MAX = 16384;

// limits
localparam integer SPK_MAX_CHAIN = 64;
localparam integer SPK_MAX_GROUPS = 256;
localparam integer SPK_DECAY_BITS = 12;
localparam integer SPK_COUNT_BITS = 16;
localparam integer SPK_MARKER_BIT = 15;
localparam integer SPK_EVENT_HORIZON = 32767;
localparam integer SPK_REG_HALFWORDS = 256;
localparam [31:0] SPK_MAGIC = 32'h4E4B5053;

// frame
localparam integer SPK_HEADER_BYTES = 2;
localparam integer SPK_CRC_BYTES = 2;
localparam integer SPK_MAX_PAYLOAD = 248;
localparam integer SPK_DELIMITER = 0;
localparam integer SPK_COBS_BLOCK = 254;
localparam integer SPK_FENCE_BIT = 7;
localparam integer SPK_SEQUENCE_BITS = 8;

// serial line
localparam integer SPK_DEFAULT_BAUD = 115200;
localparam integer SPK_OVERSAMPLING = 16;
localparam integer SPK_PHASE_BITS = 24;
localparam integer SPK_MIN_INCREMENT = 4096;
localparam integer SPK_BREAK_BITS = 20;
localparam integer SPK_CONFIRM_DIVISOR = 4;

// what follows from these
localparam integer SPK_FENCE = 128;
localparam integer SPK_MIN_FRAME = 4;
localparam integer SPK_MAX_FRAME = 252;
localparam integer SPK_MAX_LINE = 254;
localparam integer SPK_SEQUENCE_NUMBERS = 256;
localparam integer SPK_MAX_INCREMENT = 16777215;
localparam integer SPK_MARKER = 32768;
localparam integer SPK_STEP_MASK = 32767;
localparam integer SPK_DECAY_ONE = 4096;
localparam integer SPK_MAX_COUNT = 65535;
localparam integer SPK_CLEAR_ALL = 63;
localparam integer SPK_CTRL_ALL = 1;

// CRCs: polynomial in both bit orders
localparam [15:0] SPK_CRC16_POLYNOMIAL = 16'h1021;
localparam [15:0] SPK_CRC16_POLYNOMIAL_REFLECTED = 16'h8408;
localparam [15:0] SPK_CRC16_INIT = 16'hFFFF;
localparam [15:0] SPK_CRC16_XOR_OUT = 16'h0000;
localparam [15:0] SPK_CRC16_CHECK = 16'h29B1;
localparam [31:0] SPK_CRC32_POLYNOMIAL = 32'h04C11DB7;
localparam [31:0] SPK_CRC32_POLYNOMIAL_REFLECTED = 32'hEDB88320;
localparam [31:0] SPK_CRC32_INIT = 32'hFFFFFFFF;
localparam [31:0] SPK_CRC32_XOR_OUT = 32'hFFFFFFFF;
localparam [31:0] SPK_CRC32_CHECK = 32'hCBF43926;

// commands
localparam [7:0] SPK_CMD_PING = 8'd1;
localparam [7:0] SPK_CMD_READ = 8'd2;
localparam [7:0] SPK_CMD_WRITE = 8'd3;
localparam [7:0] SPK_CMD_CRC32 = 8'd4;
localparam [7:0] SPK_CMD_EVENTS = 8'd5;
localparam [7:0] SPK_CMD_RUN = 8'd6;
localparam [7:0] SPK_CMD_STOP = 8'd7;
localparam [7:0] SPK_CMD_CLEAR = 8'd8;
localparam [7:0] SPK_CMD_SPIKES = 8'd9;
localparam [7:0] SPK_CMD_ARGMAX = 8'd10;
localparam [7:0] SPK_CMD_SET_BAUD = 8'd11;

// payloads, bytes
localparam integer SPK_PING_REQUEST_NONCE_AT = 0;
localparam integer SPK_PING_REQUEST_MIN = 4;
localparam integer SPK_PING_REQUEST_MAX = 4;
localparam integer SPK_PING_REPLY_NONCE_AT = 0;
localparam integer SPK_PING_REPLY_MAGIC_AT = 4;
localparam integer SPK_PING_REPLY_PROTOCOL_AT = 8;
localparam integer SPK_PING_REPLY_MIN = 10;
localparam integer SPK_PING_REPLY_MAX = 10;
localparam integer SPK_READ_REQUEST_WINDOW_AT = 0;
localparam integer SPK_READ_REQUEST_ADDRESS_AT = 1;
localparam integer SPK_READ_REQUEST_COUNT_AT = 4;
localparam integer SPK_READ_REQUEST_MIN = 5;
localparam integer SPK_READ_REQUEST_MAX = 5;
localparam integer SPK_READ_REPLY_DATA_AT = 0;
localparam integer SPK_READ_REPLY_WORDS_MIN = 1;
localparam integer SPK_READ_REPLY_WORDS_MAX = 124;
localparam integer SPK_READ_REPLY_MIN = 2;
localparam integer SPK_READ_REPLY_MAX = 248;
localparam integer SPK_WRITE_REQUEST_WINDOW_AT = 0;
localparam integer SPK_WRITE_REQUEST_ADDRESS_AT = 1;
localparam integer SPK_WRITE_REQUEST_DATA_AT = 4;
localparam integer SPK_WRITE_REQUEST_WORDS_MIN = 1;
localparam integer SPK_WRITE_REQUEST_WORDS_MAX = 122;
localparam integer SPK_WRITE_REQUEST_MIN = 6;
localparam integer SPK_WRITE_REQUEST_MAX = 248;
localparam integer SPK_WRITE_REPLY_MIN = 0;
localparam integer SPK_WRITE_REPLY_MAX = 0;
localparam integer SPK_CRC32_REQUEST_WINDOW_AT = 0;
localparam integer SPK_CRC32_REQUEST_ADDRESS_AT = 1;
localparam integer SPK_CRC32_REQUEST_COUNT_AT = 4;
localparam integer SPK_CRC32_REQUEST_MIN = 7;
localparam integer SPK_CRC32_REQUEST_MAX = 7;
localparam integer SPK_CRC32_REPLY_CRC_AT = 0;
localparam integer SPK_CRC32_REPLY_MIN = 4;
localparam integer SPK_CRC32_REPLY_MAX = 4;
localparam integer SPK_EVENTS_REQUEST_STEP_AT = 0;
localparam integer SPK_EVENTS_REQUEST_WORD_AT = 4;
localparam integer SPK_EVENTS_REQUEST_WORDS_MIN = 0;
localparam integer SPK_EVENTS_REQUEST_WORDS_MAX = 122;
localparam integer SPK_EVENTS_REQUEST_MIN = 4;
localparam integer SPK_EVENTS_REQUEST_MAX = 248;
localparam integer SPK_EVENTS_REPLY_FREE_AT = 0;
localparam integer SPK_EVENTS_REPLY_MIN = 2;
localparam integer SPK_EVENTS_REPLY_MAX = 2;
localparam integer SPK_RUN_REQUEST_STEPS_AT = 0;
localparam integer SPK_RUN_REQUEST_MIN = 4;
localparam integer SPK_RUN_REQUEST_MAX = 4;
localparam integer SPK_RUN_REPLY_MIN = 0;
localparam integer SPK_RUN_REPLY_MAX = 0;
localparam integer SPK_STOP_REQUEST_MIN = 0;
localparam integer SPK_STOP_REQUEST_MAX = 0;
localparam integer SPK_STOP_REPLY_STEP_AT = 0;
localparam integer SPK_STOP_REPLY_MIN = 4;
localparam integer SPK_STOP_REPLY_MAX = 4;
localparam integer SPK_CLEAR_REQUEST_MASK_AT = 0;
localparam integer SPK_CLEAR_REQUEST_MIN = 2;
localparam integer SPK_CLEAR_REQUEST_MAX = 2;
localparam integer SPK_CLEAR_REPLY_MIN = 0;
localparam integer SPK_CLEAR_REPLY_MAX = 0;
localparam integer SPK_SPIKES_REQUEST_MAX_AT = 0;
localparam integer SPK_SPIKES_REQUEST_MIN = 1;
localparam integer SPK_SPIKES_REQUEST_MAX = 1;
localparam integer SPK_SPIKES_REPLY_FLAGS_AT = 0;
localparam integer SPK_SPIKES_REPLY_STEP_AT = 2;
localparam integer SPK_SPIKES_REPLY_WORD_AT = 6;
localparam integer SPK_SPIKES_REPLY_WORDS_MIN = 0;
localparam integer SPK_SPIKES_REPLY_WORDS_MAX = 120;
localparam integer SPK_SPIKES_REPLY_MIN = 6;
localparam integer SPK_SPIKES_REPLY_MAX = 246;
localparam integer SPK_ARGMAX_REQUEST_FIRST_AT = 0;
localparam integer SPK_ARGMAX_REQUEST_LAST_AT = 2;
localparam integer SPK_ARGMAX_REQUEST_MIN = 4;
localparam integer SPK_ARGMAX_REQUEST_MAX = 4;
localparam integer SPK_ARGMAX_REPLY_NEURON_AT = 0;
localparam integer SPK_ARGMAX_REPLY_COUNT_AT = 2;
localparam integer SPK_ARGMAX_REPLY_MIN = 4;
localparam integer SPK_ARGMAX_REPLY_MAX = 4;
localparam integer SPK_SET_BAUD_REQUEST_INCREMENT_AT = 0;
localparam integer SPK_SET_BAUD_REQUEST_MIN = 4;
localparam integer SPK_SET_BAUD_REQUEST_MAX = 4;
localparam integer SPK_SET_BAUD_REPLY_MIN = 0;
localparam integer SPK_SET_BAUD_REPLY_MAX = 0;
localparam integer SPK_BAD_SEQUENCE_REPLY_EXPECTED_AT = 0;
localparam integer SPK_BAD_SEQUENCE_REPLY_PAD_AT = 1;
localparam integer SPK_BAD_SEQUENCE_REPLY_MIN = 2;
localparam integer SPK_BAD_SEQUENCE_REPLY_MAX = 2;

// status codes of a reply
localparam [7:0] SPK_ST_OK = 8'd0;
localparam [7:0] SPK_ST_DUPLICATE = 8'd1;
localparam [7:0] SPK_ST_BAD_COMMAND = 8'd2;
localparam [7:0] SPK_ST_BAD_LENGTH = 8'd3;
localparam [7:0] SPK_ST_BAD_WINDOW = 8'd4;
localparam [7:0] SPK_ST_BAD_ADDRESS = 8'd5;
localparam [7:0] SPK_ST_READ_ONLY = 8'd6;
localparam [7:0] SPK_ST_BUSY = 8'd7;
localparam [7:0] SPK_ST_BAD_SEQUENCE = 8'd8;
localparam [7:0] SPK_ST_EVENT_PAST = 8'd9;
localparam [7:0] SPK_ST_EVENT_ORDER = 8'd10;
localparam [7:0] SPK_ST_EVENT_RANGE = 8'd11;
localparam [7:0] SPK_ST_QUEUE_FULL = 8'd12;
localparam [7:0] SPK_ST_BAD_VALUE = 8'd13;
localparam [7:0] SPK_ST_NO_PROGRAM = 8'd14;

// memory windows
localparam [7:0] SPK_WIN_REG = 8'd0;
localparam [7:0] SPK_WIN_WEIGHT = 8'd1;
localparam [7:0] SPK_WIN_SEG = 8'd2;
localparam [7:0] SPK_WIN_PARAM = 8'd3;
localparam [7:0] SPK_WIN_STATE = 8'd4;
localparam [7:0] SPK_WIN_POP = 8'd5;
localparam [7:0] SPK_WIN_ACC = 8'd6;
localparam [7:0] SPK_WIN_COUNT = 8'd7;
localparam [7:0] SPK_WIN_FIRED = 8'd8;

// halfwords per entry of a window
localparam integer SPK_STRIDE_REG = 1;
localparam integer SPK_STRIDE_WEIGHT = 4;
localparam integer SPK_STRIDE_SEG = 4;
localparam integer SPK_STRIDE_PARAM = 4;
localparam integer SPK_STRIDE_STATE = 4;
localparam integer SPK_STRIDE_POP = 16;
localparam integer SPK_STRIDE_ACC = 1;
localparam integer SPK_STRIDE_COUNT = 1;
localparam integer SPK_STRIDE_FIRED = 1;

// bits of the CLEAR mask
localparam integer SPK_CLEAR_STATE_BIT = 0;
localparam integer SPK_CLEAR_COUNTS_BIT = 1;
localparam integer SPK_CLEAR_QUEUES_BIT = 2;
localparam integer SPK_CLEAR_WEIGHTS_BIT = 3;
localparam integer SPK_CLEAR_TABLES_BIT = 4;
localparam integer SPK_CLEAR_ERRORS_BIT = 5;

// register addresses, in halfwords
localparam [15:0] SPK_REG_MAGIC = 16'd0;
localparam [15:0] SPK_REG_PROTOCOL = 16'd2;
localparam [15:0] SPK_REG_CORE = 16'd3;
localparam [15:0] SPK_REG_BUILD_ID = 16'd4;
localparam [15:0] SPK_REG_N = 16'd6;
localparam [15:0] SPK_REG_A = 16'd7;
localparam [15:0] SPK_REG_L = 16'd8;
localparam [15:0] SPK_REG_WB = 16'd9;
localparam [15:0] SPK_REG_VB = 16'd10;
localparam [15:0] SPK_REG_AB = 16'd11;
localparam [15:0] SPK_REG_D = 16'd12;
localparam [15:0] SPK_REG_NSEG = 16'd13;
localparam [15:0] SPK_REG_NPOP = 16'd14;
localparam [15:0] SPK_REG_EVQ = 16'd15;
localparam [15:0] SPK_REG_WWORDS = 16'd16;
localparam [15:0] SPK_REG_SPKQ = 16'd18;
localparam [15:0] SPK_REG_RXBUF = 16'd19;
localparam [15:0] SPK_REG_FEATURES = 16'd20;
localparam [15:0] SPK_REG_CLK_HZ = 16'd22;
localparam [15:0] SPK_REG_STATUS = 16'd32;
localparam [15:0] SPK_REG_STEP = 16'd34;
localparam [15:0] SPK_REG_LAST_CYCLES = 16'd36;
localparam [15:0] SPK_REG_TOTAL_CYCLES = 16'd38;
localparam [15:0] SPK_REG_EV_FREE = 16'd41;
localparam [15:0] SPK_REG_SPK_LEVEL = 16'd42;
localparam [15:0] SPK_REG_FIRED_COUNT = 16'd43;
localparam [15:0] SPK_REG_DEADLINE = 16'd44;
localparam [15:0] SPK_REG_ERR_FRAMING = 16'd48;
localparam [15:0] SPK_REG_ERR_OVERRUN = 16'd49;
localparam [15:0] SPK_REG_ERR_CRC = 16'd50;
localparam [15:0] SPK_REG_ERR_FRAME = 16'd51;
localparam [15:0] SPK_REG_ERR_SEQUENCE = 16'd52;
localparam [15:0] SPK_REG_BREAKS = 16'd53;
localparam [15:0] SPK_REG_FRAMES = 16'd54;
localparam [15:0] SPK_REG_CTRL = 16'd64;
localparam [15:0] SPK_REG_PROGRAM_ID = 16'd66;
localparam [15:0] SPK_REG_TICK_PERIOD = 16'd68;
localparam [15:0] SPK_REG_SCRATCH = 16'd70;

// bits of register STATUS
localparam integer SPK_STATUS_RUNNING_BIT = 0;
localparam integer SPK_STATUS_BUSY_BIT = 1;
localparam integer SPK_STATUS_STALLED_BIT = 2;
localparam integer SPK_STATUS_DEADLINE_BIT = 3;
localparam integer SPK_STATUS_CHAIN_BIT = 4;

// bits of register CTRL
localparam integer SPK_CTRL_RECORD_BIT = 0;

// field POP.reset
localparam [1:0] SPK_RESET_NONE = 2'd0;
localparam [1:0] SPK_RESET_HARD = 2'd1;
localparam [1:0] SPK_RESET_SOFT_VALUE = 2'd2;
localparam [1:0] SPK_RESET_SOFT_THRESHOLD = 2'd3;

// bit fields of one SEG entry
localparam integer SPK_SEG_BASE_LSB = 0;
localparam integer SPK_SEG_BASE_WIDTH = 16;
localparam integer SPK_SEG_BASE_SIGNED = 0;
localparam integer SPK_SEG_FIRST_LSB = 16;
localparam integer SPK_SEG_FIRST_WIDTH = 8;
localparam integer SPK_SEG_FIRST_SIGNED = 0;
localparam integer SPK_SEG_COUNT_LSB = 24;
localparam integer SPK_SEG_COUNT_WIDTH = 8;
localparam integer SPK_SEG_COUNT_SIGNED = 0;
localparam integer SPK_SEG_DELAY_LSB = 32;
localparam integer SPK_SEG_DELAY_WIDTH = 4;
localparam integer SPK_SEG_DELAY_SIGNED = 0;
localparam integer SPK_SEG_VALID_LSB = 36;
localparam integer SPK_SEG_VALID_WIDTH = 1;
localparam integer SPK_SEG_VALID_SIGNED = 0;
localparam integer SPK_SEG_MORE_LSB = 37;
localparam integer SPK_SEG_MORE_WIDTH = 1;
localparam integer SPK_SEG_MORE_SIGNED = 0;
localparam integer SPK_SEG_NEXT_LSB = 48;
localparam integer SPK_SEG_NEXT_WIDTH = 16;
localparam integer SPK_SEG_NEXT_SIGNED = 0;

// bit fields of one PARAM entry
localparam integer SPK_PARAM_V_TH_LSB = 0;
localparam integer SPK_PARAM_V_TH_WIDTH = 18;
localparam integer SPK_PARAM_V_TH_SIGNED = 1;
localparam integer SPK_PARAM_BIAS_LSB = 18;
localparam integer SPK_PARAM_BIAS_WIDTH = 18;
localparam integer SPK_PARAM_BIAS_SIGNED = 1;
localparam integer SPK_PARAM_REFR_LEN_LSB = 36;
localparam integer SPK_PARAM_REFR_LEN_WIDTH = 8;
localparam integer SPK_PARAM_REFR_LEN_SIGNED = 0;

// bit fields of one STATE entry
localparam integer SPK_STATE_V_LSB = 0;
localparam integer SPK_STATE_V_WIDTH = 18;
localparam integer SPK_STATE_V_SIGNED = 1;
localparam integer SPK_STATE_I_LSB = 18;
localparam integer SPK_STATE_I_WIDTH = 18;
localparam integer SPK_STATE_I_SIGNED = 1;
localparam integer SPK_STATE_REFR_LSB = 36;
localparam integer SPK_STATE_REFR_WIDTH = 8;
localparam integer SPK_STATE_REFR_SIGNED = 0;

// bit fields of one POP entry
localparam integer SPK_POP_FIRST_LSB = 0;
localparam integer SPK_POP_FIRST_WIDTH = 8;
localparam integer SPK_POP_FIRST_SIGNED = 0;
localparam integer SPK_POP_LAST_LSB = 8;
localparam integer SPK_POP_LAST_WIDTH = 8;
localparam integer SPK_POP_LAST_SIGNED = 0;
localparam integer SPK_POP_VALID_LSB = 16;
localparam integer SPK_POP_VALID_WIDTH = 1;
localparam integer SPK_POP_VALID_SIGNED = 0;
localparam integer SPK_POP_HOLD_LSB = 17;
localparam integer SPK_POP_HOLD_WIDTH = 1;
localparam integer SPK_POP_HOLD_SIGNED = 0;
localparam integer SPK_POP_RECORD_LSB = 18;
localparam integer SPK_POP_RECORD_WIDTH = 1;
localparam integer SPK_POP_RECORD_SIGNED = 0;
localparam integer SPK_POP_RESET_LSB = 20;
localparam integer SPK_POP_RESET_WIDTH = 2;
localparam integer SPK_POP_RESET_SIGNED = 0;
localparam integer SPK_POP_GAIN_LSB = 22;
localparam integer SPK_POP_GAIN_WIDTH = 3;
localparam integer SPK_POP_GAIN_SIGNED = 0;
localparam integer SPK_POP_ALPHA_V_LSB = 32;
localparam integer SPK_POP_ALPHA_V_WIDTH = 13;
localparam integer SPK_POP_ALPHA_V_SIGNED = 0;
localparam integer SPK_POP_ALPHA_I_LSB = 48;
localparam integer SPK_POP_ALPHA_I_WIDTH = 13;
localparam integer SPK_POP_ALPHA_I_SIGNED = 0;
localparam integer SPK_POP_RESET_VALUE_LSB = 64;
localparam integer SPK_POP_RESET_VALUE_WIDTH = 18;
localparam integer SPK_POP_RESET_VALUE_SIGNED = 1;
localparam integer SPK_POP_V_FLOOR_LSB = 96;
localparam integer SPK_POP_V_FLOOR_WIDTH = 18;
localparam integer SPK_POP_V_FLOOR_SIGNED = 1;
localparam integer SPK_POP_V_INIT_LSB = 128;
localparam integer SPK_POP_V_INIT_WIDTH = 18;
localparam integer SPK_POP_V_INIT_SIGNED = 1;
localparam integer SPK_POP_START_TICK_LSB = 160;
localparam integer SPK_POP_START_TICK_WIDTH = 16;
localparam integer SPK_POP_START_TICK_SIGNED = 0;

// clock cycles of one step
localparam integer SPK_CYCLES_STEP = 5;
localparam integer SPK_CYCLES_SOURCE = 2;
localparam integer SPK_CYCLES_SEGMENT = 1;
localparam integer SPK_CYCLES_POP = 16;

// bits that exist in one entry of a window
localparam [63:0] SPK_SEG_BITS = 64'hFFFF003FFFFFFFFF;
localparam [63:0] SPK_PARAM_BITS = 64'h00000FFFFFFFFFFF;
localparam [63:0] SPK_STATE_BITS = 64'h00000FFFFFFFFFFF;
localparam [255:0] SPK_POP_BITS =
  256'h00000000000000000000FFFF0003FFFF0003FFFF0003FFFF1FFF1FFF01F7FFFF;

/* verilator lint_on UNUSEDPARAM */
